"""Explanations of rankers as compact values for the question browser.

Per pipeline, question number (as text) -> [passage, kind, share, pieces, matches], …; ``pieces``
is flat: start, end, weight, …; ``matches`` too: question token, number of its piece, score, …
Offsets count characters of title and text, joined by one space.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison
    from odqa.explanation import Explanation

#: Bytes that explanations may take in a report; the run folder holds all of them.
BUDGET = 4_000_000

ByQuestion = dict[str, list[list[Any]]]


def explained(
    comparison: Comparison, numbers: Mapping[str, int], budget: int = BUDGET
) -> list[ByQuestion]:
    """One value per pipeline; the budget is spent question by question, over all pipelines.

    Args:
        numbers: passage id -> number, of the passages in the report.
        budget: bytes of JSON at most.
    """
    values: list[ByQuestion] = [{} for _ in comparison.pipelines]
    for n, question in enumerate(comparison.questions):
        for by_question, result in zip(values, comparison.pipelines.values(), strict=True):
            explanations = result.explanations.get(question.id, ())
            entry = [
                _compact(numbers[e.passage_id], e) for e in explanations if e.passage_id in numbers
            ]
            if not entry:
                continue
            budget -= len(json.dumps(entry, separators=(",", ":")))
            if budget < 0:
                return values
            by_question[str(n)] = entry
    return values


def _compact(number: int, explanation: Explanation) -> list[Any]:
    pieces = chain.from_iterable((p.start, p.end, _short(p.weight)) for p in explanation.pieces)
    matches = chain.from_iterable((m.token, m.piece, _short(m.score)) for m in explanation.matches)
    share = None if explanation.share is None else _short(explanation.share)
    return [number, explanation.kind, share, list(pieces), list(matches)]


def _short(value: float) -> float:
    return float(f"{value:.3g}")
