"""A benchmark spec: a dataset, the pipelines to compare on it, and how to measure.

::

    name: nq-mini
    data: {corpus: passages.tsv.gz, questions: nq-dev.jsonl, qrels: nq-dev.qrels}
    pipelines: [../pipelines/bm25.yaml, ../pipelines/retro.yaml]
    baseline: bm25
    latency: 30
    explain: 20

With ``grid`` its pipelines are all combinations of the values that it lists (`odqa.spec.grid`),
laid over those of ``pipelines``, if any.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from odqa.bounds import BoundedModel, PathText
from odqa.data.load import DataKeys
from odqa.data.paths import is_file
from odqa.errors import OdqaError, RunError, SpecError, SpecErrors
from odqa.metrics.measures import parse_measures
from odqa.spec.factors import Grid
from odqa.spec.grid import axes_of, axes_of_texts, joined_axes, load_grid
from odqa.spec.judge import JudgeConfig
from odqa.spec.locate import built_in_specs
from odqa.spec.merge import read_with_parents
from odqa.spec.pipeline import PipelineSpec, load_pipelines
from odqa.spec.problems import build
from odqa.spec.source import Source
from odqa.suggest import did_you_mean


def _as_tuple(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    # Behind a validator strict types are Python's: no list of JSON is a tuple any more.
    return tuple(value) if isinstance(value, list) else value


#: One name, or several in a list.
Baselines = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    BeforeValidator(_as_tuple, json_schema_input_type=str | tuple[str, ...]),
]


class BenchmarkKeys(BoundedModel):
    """The keys of a benchmark spec."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, title="odqa benchmark")

    name: str = Field(
        min_length=1, max_length=100, description="How run folders and MLflow call this benchmark."
    )
    description: str = Field("", description="One line about it.")
    data: DataKeys = Field(
        description="Corpus, questions and qrels; or the name of a question set alone: triviaqa."
    )
    pipelines: tuple[PathText, ...] = Field(
        (),
        description="Spec files, relative to this one, or built-in names; at least one, unless a "
        "grid brings the retriever.",
    )
    grid: dict[str, tuple[Any, ...]] | None = Field(
        None,
        description="Key of a pipeline, such as ranker or ranker.k, and its values: every "
        "combination is compared. A value of a slot is a stage, a composition, null, or a type.",
    )
    baseline: Baselines | None = Field(
        None,
        description="The pipeline the others are tested against, or several: [bm25, retro]; the "
        "first by default.",
    )
    latency: int = Field(
        20,
        ge=0,
        le=1_000_000,
        description="Over how many questions to measure one-at-a-time latency; 0: none.",
    )
    oracle: Literal["retriever"] | None = Field(
        None, description="retriever: feed the gold passages (qrels) to the later stages."
    )
    explain: int = Field(
        50,
        ge=0,
        le=1_000_000,
        description="For how many questions to keep what rankers looked at (the first); 0: none.",
    )
    metrics: tuple[str, ...] = Field(
        (),
        description="Which metrics to show and test, most important first: em, f1, equivalent, "
        "nDCG@20, R@100, retrieved_R@100, has_answer@5; the usual ones by default.",
    )
    judge: JudgeConfig | None = Field(
        None,
        description="A language model that judges answers: the metric judge. Its verdicts are "
        "cached by content.",
    )
    overrides: tuple[str, ...] = Field(
        (), description="--set words for every pipeline: ranker.k=50."
    )


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A validated benchmark with its validated pipelines.

    Paths of its data are relative to ``folder``, that of the spec that names the corpus.
    """

    keys: BenchmarkKeys
    specs: tuple[PipelineSpec, ...]
    folder: Path
    grid: Grid | None = None

    @property
    def name(self) -> str:
        """The benchmark's name."""
        return self.keys.name

    def changed(
        self,
        *,
        latency: int | None,
        baseline: tuple[str, ...] | None,
        oracle: str | None = None,
        explain: int | None = None,
        metrics: tuple[str, ...] | None = None,
        name: str | None = None,
    ) -> Benchmark:
        """The same with options of the command line; `None` keeps a key."""
        options = {
            "latency": latency,
            "baseline": baseline,
            "oracle": oracle,
            "explain": explain,
            "metrics": metrics,
            "name": name,
        }
        update = {key: value for key, value in options.items() if value is not None}
        return replace(self, keys=self.keys.model_copy(update=update))


def is_benchmark(ref: str | Path) -> bool:
    """Whether a spec file holds a benchmark rather than a pipeline: it has pipelines or a grid."""
    path = Path(ref)
    if str(ref) in built_in_specs() or not is_file(path):
        return False
    try:
        return not {"pipelines", "grid"}.isdisjoint(read_with_parents(path).data)
    except OdqaError:
        return False


def load_benchmark(
    ref: str | Path, overrides: Iterable[str] = (), grid: Iterable[str] = ()
) -> Benchmark:
    """Read a benchmark and all its pipelines.

    Args:
        overrides: ``--set`` words for every pipeline.
        grid: ``KEY=[VALUE, …]`` words of ``--grid``, added to the benchmark's own grid.

    Raises:
        SpecErrors: all problems of all of them.
    """
    key_problems: list[SpecError] = []
    try:
        source = read_with_parents(Path(ref))
    except SpecError as error:
        raise SpecErrors([error]) from None
    keys = build(BenchmarkKeys, source.data, source, (), key_problems)
    problems: list[OdqaError] = list(key_problems)
    specs: list[PipelineSpec] = []
    made: Grid | None = None
    # Pipelines are validated even where another key of the benchmark is invalid.
    all_overrides = [*(keys.overrides if keys is not None else ()), *overrides]
    try:
        specs, made = _pipelines(source, all_overrides, grid)
    except SpecErrors as errors:
        reported = {problem.where for problem in problems}
        problems += [problem for problem in errors.problems if problem.where not in reported]
    else:
        problems += _baseline_problems(keys, specs, source) if keys is not None else []
    problems += _metric_problems(keys, source) if keys is not None else []
    if problems:
        raise SpecErrors(problems)
    assert keys is not None
    return Benchmark(keys, tuple(specs), source.folder(("data", "corpus")), made)


def _pipelines(
    source: Source, overrides: list[str], texts: Iterable[str]
) -> tuple[list[PipelineSpec], Grid | None]:
    refs = _pipeline_refs(source)
    axes = joined_axes(axes_of(source), axes_of_texts(texts))
    if axes:
        return load_grid(refs, axes, overrides)
    if not refs and source.data.get("pipelines") in (None, []):
        where = source.where(("pipelines",))
        raise SpecErrors([SpecError("no pipelines", where=where, cure="name one, or a grid")])
    return load_pipelines(refs, overrides), None


def _pipeline_refs(source: Source) -> list[str | Path]:
    refs = source.data.get("pipelines")
    return [
        ref if ref in built_in_specs() else source.folder(("pipelines", position)) / ref
        for position, ref in enumerate(refs if isinstance(refs, list) else [])
        if isinstance(ref, str)
    ]


def _baseline_problems(
    keys: BenchmarkKeys, specs: list[PipelineSpec], source: Source
) -> list[OdqaError]:
    names = [spec.name for spec in specs]
    problems: list[OdqaError] = []
    for position, name in enumerate(keys.baseline or ()):
        where = source.where(("baseline", position))
        if ("baseline", position) not in source.places:
            where = source.where(("baseline",))
        if name not in names:
            cure = did_you_mean(name, names)
            problems.append(SpecError(f"no pipeline is named '{name}'", where=where, cure=cure))
        elif name in (keys.baseline or ())[:position]:
            problems.append(SpecError(f"'{name}' is named twice", where=where, cure="name it once"))
    return problems


def _metric_problems(keys: BenchmarkKeys, source: Source) -> list[OdqaError]:
    problems: list[OdqaError] = []
    for position, name in enumerate(keys.metrics):
        try:
            parse_measures([name])
        except RunError as error:
            where = source.where(("metrics", position))
            problems.append(SpecError(error.what, where=where, cure=error.cure))
    return problems
