"""Sort hits by a new score, for every ranker."""

from __future__ import annotations

import math
from collections.abc import Sequence

from odqa.errors import ComponentError
from odqa.types import Hit


def reranked(hits: Sequence[Hit], scores: Sequence[float], k: int, question: str = "") -> list[Hit]:
    """The best ``k`` hits by their new scores.

    Args:
        hits: the incoming hits; their order breaks ties.
        scores: one per hit, in the same order.
        k: how many to keep; fewer come back when there are fewer hits.
        question: its id, for the message.

    Raises:
        ComponentError: a score is not a finite number; sorting would then be arbitrary.
    """
    for hit, score in zip(hits, scores, strict=True):
        if not math.isfinite(score):
            raise ComponentError(
                f"passage '{hit.passage_id}' was scored {score}"
                + (f" for question '{question}'" if question else ""),
                cure="check the weights of the ranker's checkpoint, or set precision: float32",
            )
    # Python's sort is stable, so equal scores keep the incoming order.
    order = sorted(range(len(hits)), key=lambda i: -scores[i])
    return [Hit(hits[i].passage_id, float(scores[i])) for i in order[:k]]


def interpolated(incoming: Sequence[Hit], ranked: Sequence[Hit], alpha: float, k: int) -> list[Hit]:
    """The best ``k`` hits by ``own + alpha * incoming`` score.

    Args:
        incoming: hits that the ranker got, best first; their order breaks ties.
        ranked: the same passages with the ranker's own scores.
    """
    own = {hit.passage_id: hit.score for hit in ranked}
    shared = [hit for hit in incoming if hit.passage_id in own]
    return reranked(shared, [own[hit.passage_id] + alpha * hit.score for hit in shared], k)
