"""Sorting hits by a new score."""

from __future__ import annotations

import math

import pytest

from odqa.errors import ComponentError
from odqa.ranking import interpolated, reranked
from odqa.types import Hit

HITS = [Hit("a", 3.0), Hit("b", 2.0), Hit("c", 1.0), Hit("d", 0.5)]


def test_ids_travel_with_their_scores() -> None:
    assert reranked(HITS, [0.1, 0.9, -1, 0.5], 3) == [Hit("b", 0.9), Hit("d", 0.5), Hit("a", 0.1)]


def test_ties_keep_the_incoming_order() -> None:
    assert [h.passage_id for h in reranked(HITS, [1, 2, 1, 2], 9)] == ["b", "d", "a", "c"]


def test_nothing_in_nothing_out() -> None:
    assert reranked([], [], 5) == []


def test_one_score_too_few_is_a_bug() -> None:
    with pytest.raises(ValueError, match="shorter"):
        reranked(HITS, [1.0], 5)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_no_order_is_made_of_a_score_that_is_no_number(bad: float) -> None:
    with pytest.raises(ComponentError, match="passage 'c' was scored"):
        reranked(HITS, [1, 2, bad, 3], 4)


def test_interpolation() -> None:
    own = [Hit("d", 2.0), Hit("c", 1.5), Hit("a", 0.0)]
    # 0 + 0.5 * 3, 1.5 + 0.5 * 1, 2 + 0.5 * 0.5; b was dropped by the ranker.
    assert interpolated(HITS, own, 0.5, 2) == [Hit("d", 2.25), Hit("c", 2.0)]
    # Equal sums keep the incoming order.
    tied = [Hit("c", 3.0), Hit("b", 2.0), Hit("a", 1.0)]
    assert [hit.passage_id for hit in interpolated(HITS, tied, 1.0, 9)] == ["a", "b", "c"]
