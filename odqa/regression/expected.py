"""Expected scores: a YAML file beside a benchmark spec, and the check of a run against it.

::

    benchmark: embedded
    data: 3f0c…            # digest of the dataset
    questions: 100
    specs: {bm25: 36e38c3523ba3bd0}
    scores:
      bm25:
        em: {value: 0.4, low: 0.38, high: 0.42}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import ConfigDict, Field, model_validator

from odqa.bounds import BoundedModel
from odqa.comparison.table import headline_metrics
from odqa.errors import RunError, SpecError, SpecErrors
from odqa.spec.problems import build
from odqa.spec.source import read_source

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
#: Digits of a written score; intervals are rounded outwards.
_DIGITS = 6
#: The value of ``allow`` for bootstrap intervals instead of a number of questions.
BOOTSTRAP = "bootstrap"


class Score(BoundedModel):
    """One expected mean, and the interval (ends included) for the mean of another run."""

    model_config = _STRICT

    value: float = Field(description="The mean when the file was written.")
    low: float = Field(description="The lowest mean that is still as expected.")
    high: float = Field(description="The highest mean that is still as expected.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError("low, value and high do not rise")
        return self


class Expected(BoundedModel):
    """The keys of an expected file."""

    model_config = _STRICT

    benchmark: str = Field(description="Name of the benchmark.")
    data: str = Field(description="Digest of the dataset: scores on other data say nothing.")
    questions: int = Field(ge=1, description="How many questions were asked.")
    specs: Mapping[str, str] = Field(default={}, description="Pipeline -> hash of its spec.")
    scores: Mapping[str, Mapping[str, Score]] = Field(
        description="Pipeline -> metric -> expected score."
    )


@dataclass(frozen=True, slots=True)
class MovedScore:
    """A score outside of its interval; ``measured`` is `None` where the run has none."""

    pipeline: str
    metric: str
    expected: Score
    measured: float | None

    def __str__(self) -> str:
        score = self.expected
        expected = f"expected {score.value:.4f} [{score.low:.4f}, {score.high:.4f}]"
        if self.measured is None:
            return f"{self.pipeline} {self.metric}: not measured, {expected}"
        moved = f"moved by {self.measured - score.value:+.4f}"
        return f"{self.pipeline} {self.metric}: {self.measured:.4f}, {expected}, {moved}"


def expected_file(benchmark: Path) -> Path:
    """``eval/nq.yaml`` -> ``eval/nq.expected.yaml``."""
    return benchmark.with_suffix(".expected.yaml")


def read_expected(path: Path) -> Expected:
    """Read an expected file.

    Raises:
        SpecErrors: everything that is wrong with it, each with file, line and key.
    """
    problems: list[SpecError] = []
    try:
        source = read_source(path)
    except SpecError as error:
        raise SpecErrors([error]) from None
    expected = build(Expected, source.data, source, (), problems)
    if expected is None:
        raise SpecErrors(problems)
    return expected


def check(expected: Expected, comparison: Comparison) -> list[MovedScore]:
    """Every score of the file outside of its interval; other scores of the run are not checked.

    Raises:
        RunError: the run is over other questions, passages or judgements.
    """
    entry = comparison.manifest.get("dataset", {})
    if entry.get("digest") != expected.data:
        raise RunError(
            f"its data ({entry.get('digest')}, {len(comparison.questions)} questions) are not "
            f"those of the expected scores ({expected.data}, {expected.questions} questions)",
            where=comparison.name,
            cure="check a run over the whole benchmark, or write the scores anew with --write",
        )
    moved = []
    for pipeline, metrics in expected.scores.items():
        for metric, score in metrics.items():
            measured = mean(comparison.by_question.get((pipeline, metric), {}))
            if measured is None or not score.low <= round(measured, _DIGITS) <= score.high:
                moved.append(MovedScore(pipeline, metric, score, measured))
    return moved


def changed_specs(expected: Expected, comparison: Comparison) -> list[str]:
    """The pipelines whose spec is not the one of the expected scores."""
    hashes = {name: result.spec.hash for name, result in comparison.pipelines.items()}
    return [name for name, hash_ in expected.specs.items() if hashes.get(name, hash_) != hash_]


def expect(comparison: Comparison, allow: int | str) -> Expected:
    """Expected scores for later runs, from the headline metrics of this one.

    Args:
        allow: the interval: how many questions may differ completely (value ± allow / questions
            of the metric); or ``"bootstrap"`` for the 95 % bootstrap interval, for what is drawn
            or trained anew each time.
    """
    scores: dict[str, dict[str, Score]] = {}
    for pipeline in comparison.pipelines:
        for metric in headline_metrics(comparison):
            values = comparison.by_question.get((pipeline, metric), {})
            value = mean(values)
            if value is None:
                continue
            if isinstance(allow, int):
                low, high = value - allow / len(values), value + allow / len(values)
            else:
                low, high = comparison.summaries[pipeline, metric].interval
            scores.setdefault(pipeline, {})[metric] = _rounded(value, low, high)
    return Expected(
        benchmark=comparison.name,
        data=comparison.manifest["dataset"]["digest"],
        questions=len(comparison.questions),
        specs={name: result.spec.hash for name, result in comparison.pipelines.items()},
        scores=scores,
    )


def mean(values: Mapping[str, float]) -> float | None:
    """The mean over questions; `None` without any."""
    return sum(values.values()) / len(values) if values else None


def _rounded(value: float, low: float, high: float) -> Score:
    unit = 10**_DIGITS
    bounds = math.floor(max(0.0, low) * unit) / unit, math.ceil(min(1.0, high) * unit) / unit
    return Score(value=round(value, _DIGITS), low=bounds[0], high=bounds[1])
