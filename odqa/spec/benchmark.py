"""A benchmark spec: a dataset, the pipelines to compare on it, and how to measure.

::

    name: nq-mini
    data: {corpus: passages.tsv.gz, questions: nq-dev.jsonl, qrels: nq-dev.qrels}
    pipelines: [../pipelines/bm25.yaml, ../pipelines/retro.yaml]
    baseline: bm25
    latency: 30
    explain: 20
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from odqa.bounds import BoundedModel, PathText
from odqa.data.load import DataConfig
from odqa.data.paths import is_file
from odqa.errors import OdqaError, RunError, SpecError, SpecErrors
from odqa.metrics.measures import parse_measures
from odqa.spec.judge import JudgeConfig
from odqa.spec.locate import built_in_specs
from odqa.spec.merge import read_with_parents
from odqa.spec.pipeline import PipelineSpec, load_pipelines
from odqa.spec.problems import build
from odqa.spec.source import Source
from odqa.suggest import did_you_mean


class BenchmarkKeys(BoundedModel):
    """The keys of a benchmark spec."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, title="odqa benchmark")

    name: str = Field(
        min_length=1, max_length=100, description="How run folders and MLflow call this benchmark."
    )
    description: str = Field("", description="One line about it.")
    data: DataConfig = Field(description="Corpus, questions and qrels.")
    pipelines: tuple[PathText, ...] = Field(
        min_length=1, description="Spec files, relative to this one, or built-in names."
    )
    baseline: str | None = Field(
        None, description="The pipeline the others are tested against; the first by default."
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

    @property
    def name(self) -> str:
        """The benchmark's name."""
        return self.keys.name

    def changed(
        self,
        *,
        latency: int | None,
        baseline: str | None,
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
    """Whether a spec file holds a benchmark (it has ``pipelines``) rather than a pipeline."""
    path = Path(ref)
    if str(ref) in built_in_specs() or not is_file(path):
        return False
    try:
        return "pipelines" in read_with_parents(path).data
    except OdqaError:
        return False


def load_benchmark(ref: str | Path, overrides: Iterable[str] = ()) -> Benchmark:
    """Read a benchmark and all its pipelines.

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
    # Pipelines are validated even where another key of the benchmark is invalid.
    all_overrides = [*(keys.overrides if keys is not None else ()), *overrides]
    try:
        specs = load_pipelines(_pipeline_refs(source), all_overrides)
    except SpecErrors as errors:
        problems += errors.problems
    else:
        problems += _baseline_problems(keys, specs, source) if keys is not None else []
    problems += _metric_problems(keys, source) if keys is not None else []
    if problems:
        raise SpecErrors(problems)
    assert keys is not None
    return Benchmark(keys, tuple(specs), source.folder(("data", "corpus")))


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
    if keys.baseline is None or keys.baseline in names:
        return []
    where = source.where(("baseline",))
    cure = did_you_mean(keys.baseline, names)
    return [SpecError(f"no pipeline is named '{keys.baseline}'", where=where, cure=cure)]


def _metric_problems(keys: BenchmarkKeys, source: Source) -> list[OdqaError]:
    problems: list[OdqaError] = []
    for position, name in enumerate(keys.metrics):
        try:
            parse_measures([name])
        except RunError as error:
            where = source.where(("metrics", position))
            problems.append(SpecError(error.what, where=where, cure=error.cure))
    return problems
