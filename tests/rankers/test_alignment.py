"""Which passage token each question token chose, on numbers that fit in the head."""

from __future__ import annotations

import numpy as np

from odqa.explanation import Explanation, Match, Piece
from odqa.rankers.alignment import alignment

SPANS = [(0, 0), (0, 5), (6, 9)]


def test_each_token_has_its_most_similar_piece() -> None:
    similarity = np.array([[0.1, 0.5, 0.25], [0.0, 0.75, 0.5], [0.5, 0.125, 0.5]])
    assert alignment("p", ["who", "built", "it"], SPANS, similarity) == Explanation(
        "p",
        "alignment",
        # The third token has two equals and takes the first, a marker without text.
        (Piece(0, 0, 0.5), Piece(0, 5, 0.75)),
        (Match("who", 1, 0.5), Match("built", 1, 0.75), Match("it", 0, 0.5)),
    )


def test_similarities_below_zero_are_kept_as_they_are() -> None:
    explanation = alignment("p", ["who"], SPANS, np.array([[-0.5, -0.25, -0.75]]))
    assert explanation.pieces == (Piece(0, 5, -0.25),)
    assert explanation.matches == (Match("who", 0, -0.25),)
