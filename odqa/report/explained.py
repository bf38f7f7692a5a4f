"""What rankers saw in passages, as compact values for the question browser.

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

Shown = dict[str, list[list[Any]]]


def explained(
    comparison: Comparison, numbers: Mapping[str, int], budget: int = BUDGET
) -> list[Shown]:
    """One value a pipeline; questions in order, all pipelines of one before the next.

    Args:
        numbers: of the passages that the report holds.
    """
    found: list[Shown] = [{} for _ in comparison.pipelines]
    for n, question in enumerate(comparison.questions):
        for shown, result in zip(found, comparison.pipelines.values(), strict=True):
            each = result.explanations.get(question.id, ())
            entry = [_compact(numbers[e.passage_id], e) for e in each if e.passage_id in numbers]
            if not entry:
                continue
            budget -= len(json.dumps(entry, separators=(",", ":")))
            if budget < 0:
                return found
            shown[str(n)] = entry
    return found


def _compact(number: int, one: Explanation) -> list[Any]:
    pieces = chain.from_iterable((p.start, p.end, _short(p.weight)) for p in one.pieces)
    matches = chain.from_iterable((m.token, m.piece, _short(m.score)) for m in one.matches)
    share = None if one.share is None else _short(one.share)
    return [number, one.kind, share, list(pieces), list(matches)]


def _short(value: float) -> float:
    return float(f"{value:.3g}")
