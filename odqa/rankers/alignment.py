"""The token alignment behind a MaxSim score: which passage token each question token chose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from odqa.explanation import Explanation, Match, Piece


def alignment(
    passage_id: str,
    tokens: Sequence[str],
    spans: Sequence[tuple[int, int]],
    similarity: np.ndarray,
) -> Explanation:
    """Every question token with its most similar passage token, the first among equals.

    Args:
        tokens: of the question, [q].
        spans: character offsets of the passage's tokens, [p].
        similarity: [q, p].
    """
    best = similarity.argmax(axis=1)
    scores = similarity.max(axis=1)
    chosen, number = np.unique(best, return_inverse=True)
    return Explanation(
        passage_id,
        "alignment",
        tuple(
            Piece(spans[place][0], spans[place][1], float(scores[best == place].max()))
            for place in chosen.tolist()
        ),
        tuple(map(Match, tokens, number.tolist(), scores.tolist())),
    )
