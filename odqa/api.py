"""odqa from Python: three lines in a notebook.

::

    result = odqa.compare(["embedded/retro", "embedded/dpr-colbert"])
    result.table()
    result.trace("emb-017")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from odqa.cache import Cache
from odqa.comparison.result import Comparison
from odqa.data.dataset import Dataset
from odqa.data.load import load_dataset
from odqa.errors import SpecErrors
from odqa.execution.ceilings import OracleStage
from odqa.execution.explain import QUESTIONS
from odqa.spec.benchmark import Benchmark
from odqa.spec.datasets import cut, open_dataset
from odqa.spec.factors import Grid
from odqa.spec.grid import Axis, axes_of_values, load_grid
from odqa.spec.judge import JudgeConfig
from odqa.spec.locate import built_in_specs
from odqa.spec.pipeline import PipelineSpec, load_pipelines
from odqa.spec.source import Source
from odqa.stages.part import Part

#: The pipelines compared by default.
EMBEDDED_PIPELINES = (
    "bm25",
    "bm25-colbert",
    "sbert-colbert",
    "dpr-colbert",
    "retro",
    "retro-offline",
)

#: A pipeline: a spec file, a built-in name, a spec, or one built with `odqa.stages`.
AnyPipeline = str | Path | PipelineSpec | Part
#: One pipeline or several.
Pipelines = AnyPipeline | Sequence[AnyPipeline]


def compare(
    pipelines: Pipelines = (),
    data: str | Path | Dataset = "embedded",
    *,
    overrides: Iterable[str] = (),
    baseline: str | Sequence[str] | None = None,
    take: int | None = None,
    latency: int = 0,
    oracle: OracleStage | None = None,
    explain: int = QUESTIONS,
    metrics: Sequence[str] = (),
    grid: Mapping[str, Sequence[Any]] | None = None,
    judge: JudgeConfig | None = None,
    cache: Cache | None = None,
    name: str | None = None,
    corpus: str | None = None,
) -> Comparison:
    """Run pipelines side by side on one dataset.

    Args:
        pipelines: spec files, built-in names, or specs; without any, the embedded ones.
        data: ``"embedded"``, a question set by name (``"triviaqa"``), ``FOLDER/SPLIT``, a benchmark
            spec, or a `Dataset`.
        corpus: that of a question set which brings none: ``"wiki18-100w"``, or a file.
        overrides: ``key=value`` texts for every spec, as for ``--set``.
        baseline: what the others are tested against, one name or several; by default the first.
        take: use only that many questions, the first ones.
        latency: over how many questions to measure one-at-a-time latency.
        oracle: ``"retriever"`` feeds gold passages (qrels) to the later stages.
        explain: for how many questions to keep what rankers looked at.
        metrics: which to show and test, most important first: ``["em", "nDCG@20"]``.
        grid: key -> values, such as ``{"ranker.k": [10, 20, 50]}``: compares every combination,
            laid over each of ``pipelines`` (without any, over nothing); see `odqa.spec.grid`.
        judge: a language model that judges answers: the metric ``judge``.

    Raises:
        OdqaError: anything wrong with specs, data or environment, as one line.
    """
    from odqa.comparison.run import run_comparison

    factors: Grid | None = None
    if grid is None:
        specs = resolve_pipelines(pipelines, overrides)
    else:
        specs, factors = resolve_grid(pipelines, axes_of_values(grid), overrides)
    cache = cache or Cache()
    dataset = open_dataset(data, cache, take, corpus=corpus)
    return run_comparison(
        specs,
        dataset,
        cache,
        name=name,
        baseline=baseline,
        latency=latency,
        oracle=oracle,
        explain=explain,
        metrics=metrics,
        grid=factors,
        judge=judge,
    )


def compare_benchmark(
    benchmark: Benchmark, cache: Cache, take: int | None = None, *, results: Cache | None = None
) -> Comparison:
    """Run a validated benchmark; ``results`` as `run_comparison` takes it."""
    from odqa.comparison.run import run_comparison

    keys = benchmark.keys
    dataset = load_dataset(keys.data, cache, benchmark.folder)
    return run_comparison(
        benchmark.specs,
        cut(dataset, take),
        cache,
        name=keys.name,
        baseline=keys.baseline,
        latency=keys.latency,
        results=results,
        oracle=keys.oracle,
        explain=keys.explain,
        metrics=keys.metrics,
        grid=benchmark.grid,
        judge=keys.judge,
    )


def resolve_pipelines(pipelines: Pipelines, overrides: Iterable[str] = ()) -> list[PipelineSpec]:
    """Validated specs; the problems of all of them are reported together.

    Raises:
        SpecErrors: what is wrong.
    """
    items = [pipelines] if isinstance(pipelines, str | Path | PipelineSpec | Part) else pipelines
    sources: list[str | Path | PipelineSpec] = [
        item.spec if isinstance(item, Part) else item for item in items
    ] or [f"embedded/{name}" for name in EMBEDDED_PIPELINES]
    refs = [source for source in sources if not isinstance(source, PipelineSpec)]
    loaded = iter(load_pipelines(refs, overrides)) if refs else iter(())
    return [source if isinstance(source, PipelineSpec) else next(loaded) for source in sources]


def resolve_grid(
    pipelines: Pipelines, axes: Sequence[Axis], overrides: Iterable[str] = ()
) -> tuple[list[PipelineSpec], Grid]:
    """Every combination of a grid, laid over each of some pipelines. Raises as `load_grid`."""
    items = [pipelines] if isinstance(pipelines, str | Path | PipelineSpec | Part) else pipelines
    specs = [item.spec if isinstance(item, Part) else item for item in items]
    sources = [Source(s.to_dict(), {}, s.name) if isinstance(s, PipelineSpec) else s for s in specs]
    return load_grid(sources, axes, overrides)


__all__ = [
    "EMBEDDED_PIPELINES",
    "SpecErrors",
    "built_in_specs",
    "compare",
    "compare_benchmark",
    "open_dataset",
    "resolve_grid",
    "resolve_pipelines",
]
