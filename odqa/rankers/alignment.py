"""The token alignment behind a MaxSim score: the passage token that each question token matches."""

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
    positions, piece_numbers = np.unique(best, return_inverse=True)
    return Explanation(
        passage_id,
        "alignment",
        tuple(
            Piece(spans[position][0], spans[position][1], float(scores[best == position].max()))
            for position in positions.tolist()
        ),
        tuple(map(Match, tokens, piece_numbers.tolist(), scores.tolist())),
    )
