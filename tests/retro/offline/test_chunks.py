"""Chunks, their continuations, and neighbours of other documents."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odqa.retro.offline.chunks import chunk_document, neighbours_elsewhere


def test_continuation_stops_at_the_end_of_the_document() -> None:
    chunks = chunk_document([1, 2, 3, 4, 5, 6, 7], 3)
    assert chunks.tokens.tolist() == [[1, 2, 3, 4, 5, 6], [4, 5, 6, 7, 0, 0], [7, 0, 0, 0, 0, 0]]
    assert chunks.mask.sum(1).tolist() == [6, 4, 1]
    keys, mask = chunks.keys
    assert keys.tolist() == [[1, 2, 3], [4, 5, 6], [7, 0, 0]]
    assert mask.sum(1).tolist() == [3, 3, 1]


def test_padding_has_the_given_id() -> None:
    chunks = chunk_document([3, 4, 5], 2, pad_id=9)
    assert chunks.tokens.tolist() == [[3, 4, 5, 9], [5, 9, 9, 9]]
    assert len(chunks) == chunks.chunk_length == 2


@given(st.lists(st.integers(1, 99), max_size=40), st.integers(1, 9))
def test_round_trip(tokens: list[int], m: int) -> None:
    chunks = chunk_document(tokens, m)
    keys, seen = chunks.keys
    assert keys[seen].tolist() == tokens
    assert len(chunks) == -(-len(tokens) // m)


def test_bad_length() -> None:
    with pytest.raises(ValueError, match="positive"):
        chunk_document([1], 0)


def test_same_document_and_missing_neighbours_are_left_out() -> None:
    documents = np.array([0, 0, 1, 2])
    candidates = np.array([[1, 2, -1, 3], [0, 1, -1, -1], [-1, 3, 2, 0]])
    rows, real = neighbours_elsewhere(candidates, documents, np.array([0, 0, -1]), 2)
    assert rows.tolist() == [[2, 3], [0, 0], [3, 2]]
    assert real.tolist() == [[True, True], [False, False], [True, True]]
    rows, real = neighbours_elsewhere(candidates[:, :1], documents, np.array([1, 1, 1]), 2)
    assert rows.shape == real.shape == (3, 2)
    assert real.tolist() == [[True, False], [True, False], [False, False]]
