"""``odqa compare``: pipelines side by side, to a table, a run folder and MLflow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from odqa.cli.options import (
    EMBEDDED,
    SAMPLE,
    CacheFolder,
    Corpus,
    Data,
    Explain,
    Grid,
    Metrics,
    Name,
    NoCache,
    Oracle,
    Out,
    Set,
    Specs,
    Take,
    Traces,
    TrackingUri,
)

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison
    from odqa.execution.ceilings import OracleStage


def compare(
    specs: Specs = None,
    data: Data = EMBEDDED,
    set_: Set = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            help="Pipeline the others are tested against (default: first). Repeatable.",
            show_default=False,
        ),
    ] = None,
    take: Take = None,
    latency: Annotated[
        int | None, typer.Option(min=0, help="Questions to time one at a time (default 20).")
    ] = None,
    explain: Explain = None,
    out: Out = Path("runs"),
    mlflow: TrackingUri = None,
    traces: Traces = SAMPLE,
    cache: CacheFolder = None,
    no_cache: NoCache = False,
    oracle: Oracle = None,
    metrics: Metrics = None,
    name: Name = None,
    corpus: Corpus = None,
    grid: Grid = None,
) -> None:
    """Run pipelines over one question set and say which is better, at what cost.

    A single benchmark spec (a file with 'pipelines:') brings its own data and pipelines.
    Run folders that are finished are put together as they are, when their questions are the same.
    """
    from odqa.api import compare_benchmark, open_dataset, resolve_grid, resolve_pipelines
    from odqa.cache import Cache
    from odqa.cli.results import finish, run_folder
    from odqa.comparison.merge import is_run_folder
    from odqa.comparison.rescore import with_metrics
    from odqa.comparison.run import run_comparison
    from odqa.errors import RunError
    from odqa.execution.explain import QUESTIONS
    from odqa.metrics.measures import parse_measures
    from odqa.spec.benchmark import is_benchmark, load_benchmark
    from odqa.spec.grid import axes_of_texts
    from odqa.tracing import TracePolicy
    from odqa.tracking import tracking_seconds

    TracePolicy.parse(traces)  # refuse an unknown policy before the work
    tracking_seconds()
    stage: OracleStage | None = oracle.value if oracle else None
    refs = specs or []
    chosen = tuple(metrics.split(",")) if metrics else ()
    parse_measures(chosen)  # refuse an unknown metric before the work
    if any(map(is_run_folder, refs)):
        options: dict[str, object] = {"--set": set_, "--take": take, "--latency": latency}
        options |= {"--oracle": stage, "--explain": explain, "--grid": grid}
        unfit = [option for option, value in options.items() if value]
        unfit += ["--data"] if data != EMBEDDED else []
        unfit += ["--corpus"] if corpus else []
        merged = _merged(refs, baseline, unfit)
        merged = with_metrics(merged, chosen) if chosen else merged
        merged = replace(merged, name=name or merged.name)
        with run_folder(out, merged.name) as draft:
            finish(merged, draft, mlflow, traces)
        return
    benchmarks = [ref for ref in refs if is_benchmark(ref)]
    if benchmarks and len(refs) > 1:
        raise RunError("a benchmark is compared alone", cure=f"pass only {benchmarks[0]}")
    for option, is_set in {"--data": data != EMBEDDED, "--corpus": bool(corpus)}.items():
        if benchmarks and is_set:
            what, cure = f"{benchmarks[0]} brings its own data", f"leave {option} out"
            raise RunError(what, where=option, cure=cure)
    store = Cache(cache, enabled=not no_cache)
    if benchmarks:
        benchmark = load_benchmark(benchmarks[0], set_ or (), grid or ())
        benchmark = benchmark.changed(
            latency=latency,
            baseline=tuple(baseline) if baseline else None,
            oracle=stage,
            explain=explain,
            metrics=chosen or None,
            name=name,
        )
        with run_folder(out, benchmark.name) as draft:
            finish(compare_benchmark(benchmark, store, take), draft, mlflow, traces)
        return
    factors = None
    if grid:
        pipelines, factors = resolve_grid(refs, axes_of_texts(grid), set_ or ())
    else:
        pipelines = resolve_pipelines(refs, set_ or ())
    dataset = open_dataset(data, store, take, corpus=corpus)
    n = 20 if latency is None else latency
    explained = QUESTIONS if explain is None else explain
    with run_folder(out, name or dataset.name) as draft:
        result = run_comparison(
            pipelines,
            dataset,
            store,
            name=name,
            baseline=baseline,
            latency=n,
            oracle=stage,
            explain=explained,
            metrics=chosen,
            grid=factors,
        )
        finish(result, draft, mlflow, traces)


def _merged(refs: list[str], baseline: list[str] | None, unfit: list[str]) -> Comparison:
    """Finished runs as one comparison; options that would change the runs are refused."""
    from odqa.comparison.merge import is_run_folder, merge
    from odqa.comparison.result import Comparison
    from odqa.errors import RunError

    if specs := [ref for ref in refs if not is_run_folder(ref)]:
        what = "is no run folder, and finished runs are compared with each other alone"
        raise RunError(what, where=specs[0], cure="run it first: odqa run")
    if unfit:
        raise RunError("finished runs stay as they are", where=unfit[0], cure="leave it out")
    return merge([Comparison.load(Path(ref)) for ref in refs], baseline)
