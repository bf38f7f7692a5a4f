"""How far two rankings of the same passages agree: what a number format changes.

Reads two run files, such as ``ranked.trec`` of one pipeline in float32 and in bfloat16::

    odqa run embedded/sbert-retro --set reader=null
    odqa run embedded/sbert-retro --set reader=null --set ranker.precision=bfloat16
    python -m eval.agreement RUN_A/pipelines/sbert-retro/ranked.trec RUN_B/…/ranked.trec
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from odqa.data.trec import read_run
from odqa.types import Hit

Run = Mapping[str, Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two rankings, question by question.

    Attributes:
        questions: that both rank, at least two passages each.
        correlation: Spearman's rank correlation, mean over questions.
        least: the smallest of them.
        same_first: share of questions with the same best passage.
        same_order: share of questions with the same order throughout.
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


def agreement(one: Run, other: Run) -> Agreement:
    """Compare two rankings of the same passages.

    Raises:
        ValueError: no question in common, or other passages for one.
    """
    correlations, first, order, furthest, spread = [], [], [], 0.0, []
    for question in one.keys() & other.keys():
        a = {hit.passage_id: hit.score for hit in one[question]}
        b = {hit.passage_id: hit.score for hit in other[question]}
        if a.keys() != b.keys():
            raise ValueError(f"question '{question}' has other passages in the two runs")
        if len(a) < 2:
            continue
        left, right = np.array(list(a.values())), np.array([b[pid] for pid in a])
        correlations.append(float(spearmanr(left, right).statistic))
        first.append(one[question][0].passage_id == other[question][0].passage_id)
        order.append(
            [h.passage_id for h in one[question]] == [h.passage_id for h in other[question]]
        )
        furthest = max(furthest, float(np.abs(left - right).max()))
        spread.append(float(np.ptp(left)))
    if not correlations:
        raise ValueError("no question in common with two passages or more")
    return Agreement(
        len(correlations),
        float(np.mean(correlations)),
        min(correlations),
        float(np.mean(first)),
        float(np.mean(order)),
        furthest,
        float(np.median(spread)),
    )


def main() -> None:
    """Print the agreement of two run files."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("one", type=Path)
    words.add_argument("other", type=Path)
    asked = words.parse_args()
    try:
        found = agreement(read_run(asked.one), read_run(asked.other))
    except ValueError as error:
        words.error(str(error))
    sys.stdout.write(f"{found}\n")


if __name__ == "__main__":
    main()
