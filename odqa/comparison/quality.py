"""Means of chosen metrics with intervals and letters, as every table of a comparison shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odqa.comparison.all_pairs import all_pairs
from odqa.comparison.table import headline_metrics, tested_metrics
from odqa.errors import RunError
from odqa.metrics.catalogue import heading
from odqa.suggest import did_you_mean

if TYPE_CHECKING:
    from odqa.comparison.data import ComparisonData
    from odqa.metrics.statistics.summary import Summary

#: From how many pipelines on letters say more than the p-value of the verdict, and up to how many
#: a reader can use them; the work grows with every group of pipelines that overlaps others.
LETTERS_FROM, LETTERS_UP_TO = 3, 40


@dataclass(frozen=True)
class QualityColumn:
    """One metric of every pipeline that has it.

    ``letters``: pipelines that share one cannot be told apart; empty where there are fewer than
    three or more than forty, or the metric is none that pipelines are tested on. ``best``: the
    pipelines with the highest mean, ceilings aside.
    """

    metric: str
    means: Mapping[str, Summary]
    letters: Mapping[str, str]
    best: frozenset[str]

    @property
    def group(self) -> str:
        """What the metric judges: answer, retrieved, ranked or a stage."""
        return heading(self.metric)[0]

    @property
    def short(self) -> str:
        """Its usual name."""
        return heading(self.metric)[1]


def quality_columns(comparison: ComparisonData, metrics: Sequence[str] = ()) -> list[QualityColumn]:
    """The columns of these metrics; by default those of the comparison.

    Raises:
        RunError: a metric that no pipeline has.
    """
    measured = {metric for _, metric in comparison.by_question}
    for metric in metrics:
        if metric not in measured:
            cure = did_you_mean(metric, sorted(measured))
            raise RunError(f"no metric '{metric}'", where=comparison.name, cure=cure)
    tested = set(metrics or tested_metrics(comparison))
    return [
        _column(comparison, metric, metric in tested)
        for metric in metrics or headline_metrics(comparison)
    ]


def _column(comparison: ComparisonData, metric: str, is_tested: bool) -> QualityColumn:
    means = {
        name: comparison.summaries[name, metric]
        for name in comparison.pipelines
        if (name, metric) in comparison.summaries
    }
    has_letters = is_tested and LETTERS_FROM <= len(means) <= LETTERS_UP_TO
    letters = all_pairs(comparison, metric).letters if has_letters else {}
    real = [name for name in means if not comparison.pipelines[name].spec.sees_answers]
    highest = max((means[name].mean for name in real), default=None)
    best = frozenset(name for name in real if means[name].mean == highest)
    # Where all are the best, none is.
    return QualityColumn(metric, means, letters, frozenset() if len(best) == len(real) else best)
