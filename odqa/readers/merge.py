"""Merge answers of several passages: equal answers, and how likely each passage is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from odqa.metrics.answers import normalise_answer
from odqa.types import Answer

#: How spans of different windows compare; see `odqa.readers.span_scores`.
Compare = Literal["logits", "odds", "probability"]


def merged(answers: Sequence[Answer], *, add: bool) -> list[Answer]:
    """One answer per normalised text, in falling order of score.

    Args:
        answers: in falling order of score; scores are logarithms of unnormalised probabilities.
        add: sum the probabilities of equal answers; otherwise the best one is kept.

    Returns:
        The best span of each group, ties in the order given.
    """
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        # An answer of only articles and punctuation is not normalised.
        groups.setdefault(normalise_answer(answer.text) or answer.text, []).append(answer)
    if not add:
        return [group[0] for group in groups.values()]
    joined = [
        replace(group[0], score=_log_sum([a.score for a in group])) for group in groups.values()
    ]
    return sorted(joined, key=lambda answer: -answer.score)


def passage_prior(scores: Sequence[float]) -> list[float]:
    """Log-probability of each passage read: log-softmax of the standardised incoming scores.

    Scores are brought to mean 0 and standard deviation 1 first: cosines, BM25 and MaxSim have
    different scales, and one weight must mean the same for all of them.
    """
    mean = math.fsum(scores) / len(scores)
    spread = math.sqrt(math.fsum((s - mean) ** 2 for s in scores) / len(scores))
    # Equal scores up to rounding carry no preference.
    flat = spread <= 1e-9 * max(1.0, abs(mean))
    standard = [0.0 if flat else (s - mean) / spread for s in scores]
    total = _log_sum(standard)
    return [s - total for s in standard]


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(math.fsum(math.exp(v - top) for v in values))
