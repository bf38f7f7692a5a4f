"""``odqa compare``: pipelines side by side, to a table, a run folder and MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.options import CacheFolder, Data, NoCache, Out, Set, Specs, Take, TrackingUri


def compare(
    specs: Specs = None,
    data: Data = "embedded",
    set_: Set = None,
    baseline: Annotated[
        str | None, typer.Option(help="Pipeline the others are tested against (default: first).")
    ] = None,
    take: Take = None,
    latency: Annotated[
        int | None, typer.Option(min=0, help="Questions to time one at a time (default 20).")
    ] = None,
    out: Out = Path("runs"),
    mlflow: TrackingUri = None,
    cache: CacheFolder = None,
    no_cache: NoCache = False,
) -> None:
    """Run pipelines over one question set and say which is better, at what cost.

    A single benchmark spec (a file with 'pipelines:') brings its own data and pipelines.
    """
    from odqa.api import compare_benchmark, open_dataset, resolve_pipelines
    from odqa.cache import Cache
    from odqa.cli.results import finish, make_run_folder
    from odqa.comparison.run import run_comparison
    from odqa.errors import RunError
    from odqa.spec.benchmark import is_benchmark, load_benchmark

    benchmarks = [ref for ref in specs or [] if is_benchmark(ref)]
    if benchmarks and len(specs or []) > 1:
        raise RunError("a benchmark is compared alone", cure=f"pass only {benchmarks[0]}")
    store = Cache(cache, enabled=not no_cache)
    if benchmarks:
        benchmark = load_benchmark(benchmarks[0], set_ or ())
        changes = {"latency": latency, "baseline": baseline}
        keys = benchmark.keys.model_copy(
            update={key: value for key, value in changes.items() if value is not None}
        )
        folder = make_run_folder(out, benchmark.name)
        result = compare_benchmark(
            type(benchmark)(keys, benchmark.specs, benchmark.folder), store, take
        )
    else:
        chosen = resolve_pipelines(specs or (), set_ or ())
        dataset = open_dataset(data, store, take)
        folder = make_run_folder(out, dataset.name)
        n = 20 if latency is None else latency
        result = run_comparison(chosen, dataset, store, baseline=baseline, latency=n)
    finish(result, folder, mlflow)
