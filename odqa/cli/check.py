"""``odqa check``: whether scores are where they are expected to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from odqa.cli.options import CacheFolder, NoCache, Out
from odqa.cli.output import echo

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def check(
    target: Annotated[
        Path, typer.Argument(help="Benchmark spec, which is run, or a finished run folder.")
    ] = Path("eval/embedded.yaml"),
    expected: Annotated[
        Path | None,
        typer.Option(
            help="Expected scores (default: BENCH.expected.yaml beside BENCH.yaml; for a run "
            "folder eval/NAME.expected.yaml)."
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the expected scores from this run.")
    ] = False,
    allow: Annotated[
        str,
        typer.Option(
            help="Interval to write: how many questions may come out otherwise, or 'bootstrap' "
            "for the 95 % interval."
        ),
    ] = "2",
    out: Out = Path("runs"),
    cache: CacheFolder = None,
    no_cache: NoCache = False,
) -> None:
    """Compare scores with the expected ones, and say what moved beyond its interval.

    Results of a benchmark are computed anew; the cache gives offline work only. Exit code 1 when
    something moved.
    """
    from odqa.cli.results import file_name
    from odqa.regression.expected import expected_file, read_expected

    width = _interval(allow)
    file = expected
    if file is None and target.is_file():
        file = expected_file(target)
    if not write and file is not None:
        read_expected(file)  # before the benchmark runs, not after it
    comparison = _result(target, out, cache, no_cache)
    if file is None:
        file = expected_file(Path("eval") / f"{file_name(comparison.name)}.yaml")
    if write:
        _write(comparison, file, width)
    elif _compare(comparison, file):
        raise typer.Exit(1)


def _interval(allow: str) -> int | str:
    from odqa.errors import RunError
    from odqa.regression.expected import BOOTSTRAP

    if allow.isdecimal():
        return int(allow)
    if allow != BOOTSTRAP:
        cure = f"pass a whole number of questions, or {BOOTSTRAP}"
        raise RunError(f"no interval '{allow}'", where="--allow", cure=cure)
    return allow


def _result(target: Path, out: Path, cache: Path | None, no_cache: bool) -> Comparison:
    from odqa.api import compare_benchmark
    from odqa.cache import Cache
    from odqa.cli.results import keep, run_folder
    from odqa.comparison.result import Comparison
    from odqa.spec.benchmark import load_benchmark

    if target.is_dir():
        return Comparison.load(target)
    # Costs are not checked, and measuring them takes time.
    benchmark = load_benchmark(target).changed(latency=0, baseline=None)
    store = Cache(cache, enabled=not no_cache)
    with run_folder(out, benchmark.name) as draft:
        result = compare_benchmark(benchmark, store, results=Cache(enabled=False))
        folder = keep(result, draft)
    echo(f"run folder: {folder}")
    return result


def _write(comparison: Comparison, file: Path, width: int | str) -> None:
    from odqa.regression.expected import expect
    from odqa.regression.expected_text import render_expected, write_expected

    code = comparison.manifest.get("code")
    made_by = f"{comparison.manifest.get('odqa')}{f' ({code})' if code else ''}"
    expected = expect(comparison, width)
    write_expected(file, render_expected(expected, width, made_by))
    echo(f"{file}: {sum(map(len, expected.scores.values()))} expected scores")


def _compare(comparison: Comparison, file: Path) -> bool:
    """Print the scores that moved; returns whether any did."""
    from odqa.regression.expected import changed_specs, check, read_expected

    expected = read_expected(file)
    moved = check(expected, comparison)
    for change in moved:
        echo(str(change))
    for name in changed_specs(expected, comparison):
        echo(f"note: {name} has another spec than the one these scores are of")
    for name in (name for name in comparison.pipelines if name not in expected.scores):
        echo(f"note: nothing is expected of {name}")
    n = sum(map(len, expected.scores.values()))
    echo(f"{n - len(moved)} of {n} scores are as {file} expects, {len(moved)} moved")
    return bool(moved)
