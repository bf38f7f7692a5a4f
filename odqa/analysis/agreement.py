"""How far two rankings of the same passages agree, such as of two number formats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from odqa.analysis.judged_run import Run
from odqa.data.trec import read_run
from odqa.errors import DataError


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two rankings, question by question.

    Attributes:
        questions: that both rank, at least two passages each.
        correlation: Spearman's rank correlation of the scores, mean over questions. Questions
            whose passages all have one score in a run have none and are left out of it; not a
            number where all are.
        least: the smallest of them.
        same_first: share of questions with the same best passage, 0 to 1.
        same_order: share of questions with the same order throughout, 0 to 1.
        furthest: the largest difference between two scores of one passage.
        spread: median over questions of the first ranking's best score less its worst.
    """

    questions: int
    correlation: float
    least: float
    same_first: float
    same_order: float
    furthest: float
    spread: float

    def __str__(self) -> str:
        return (
            f"{self.questions} questions: rank correlation {self.correlation:.4f} (least "
            f"{self.least:.4f}), the same first passage in {self.same_first:.1%}, the same order "
            f"in {self.same_order:.1%}; scores {self.furthest:.3g} apart at most, where best and "
            f"worst are {self.spread:.3g} apart"
        )


def compare_run_files(first: Path, second: Path) -> Agreement:
    """`agreement` of two TREC run files.

    Raises:
        DataError: a file is missing or broken, or the two cannot be compared.
    """
    return agreement(read_run(first), read_run(second), where=f"{first}, {second}")


def agreement(first: Run, second: Run, where: str = "") -> Agreement:
    """Compare two rankings of the same passages.

    Args:
        first, second: question id -> hits, best first; questions of only one are ignored.
        where: their files, for error messages.

    Raises:
        DataError: no question in common, or other passages for one.
    """
    from scipy.stats import spearmanr

    correlations, same_first, same_order, distances, spreads = [], [], [], [], []
    for question in (question for question in first if question in second):
        scores = {hit.passage_id: hit.score for hit in first[question]}
        second_scores = {hit.passage_id: hit.score for hit in second[question]}
        if scores.keys() != second_scores.keys():
            raise DataError(
                f"question '{question}' has other passages in the two runs",
                where=where,
                cure="pass two rankings of the same candidates",
            )
        if len(scores) < 2:
            continue
        a = np.array(list(scores.values()))
        b = np.array([second_scores[passage] for passage in scores])
        if np.ptp(a) > 0 and np.ptp(b) > 0:
            correlations.append(float(spearmanr(a, b).statistic))
        order, other_order = ([hit.passage_id for hit in run[question]] for run in (first, second))
        same_first.append(order[0] == other_order[0])
        same_order.append(order == other_order)
        distances.append(float(np.abs(a - b).max()))
        spreads.append(float(np.ptp(a)))
    if not spreads:
        raise DataError(
            "no question in common with two passages or more",
            where=where,
            cure="pass two rankings of the same questions",
        )
    return Agreement(
        len(spreads),
        float(np.mean(correlations)) if correlations else float("nan"),
        min(correlations, default=float("nan")),
        float(np.mean(same_first)),
        float(np.mean(same_order)),
        max(distances),
        float(np.median(spreads)),
    )
