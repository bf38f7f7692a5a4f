"""Joining equal answers, and the prior over passages."""

from __future__ import annotations

import math

import pytest

from odqa.readers.merge import merged, passage_prior
from odqa.types import Answer

ANSWERS = [
    Answer("London", 2.0, "a", 0, 6),
    Answer("the Thames", 1.8, "a", 10, 20),
    Answer("Thames.", 1.7, "b", 3, 10),
    Answer("london", 0.0, "c", 1, 7),
]


def test_without_adding_the_best_of_each_text_stands() -> None:
    assert merged(ANSWERS, add=False) == ANSWERS[:2]


def test_adding_lets_two_mentions_beat_one() -> None:
    first, second = merged(ANSWERS, add=True)
    assert (first.text, first.passage_id, first.start) == ("the Thames", "a", 10)
    assert first.score == pytest.approx(math.log(math.exp(1.8) + math.exp(1.7)))
    assert second.score == pytest.approx(math.log(math.exp(2.0) + 1))


def test_answers_that_normalise_to_nothing_stay_apart() -> None:
    answers = [Answer("The", 2.0), Answer("a", 1.0), Answer("!", 0.5)]
    assert merged(answers, add=False) == answers


def test_prior_is_a_probability_and_keeps_the_order() -> None:
    prior = passage_prior([3.0, 1.0, 2.0])
    assert sum(math.exp(p) for p in prior) == pytest.approx(1)
    # Standardised: 1.2247, -1.2247, 0.
    assert prior[0] - prior[2] == pytest.approx(math.sqrt(1.5))
    assert prior[2] - prior[1] == pytest.approx(math.sqrt(1.5))


def test_prior_does_not_depend_on_the_scale() -> None:
    cosine = [0.61, 0.60, 0.48]
    assert passage_prior([100 * s - 7 for s in cosine]) == pytest.approx(passage_prior(cosine))


def test_equal_scores_carry_no_preference() -> None:
    for scores in ([2.0], [0.3, 0.3, 0.3], [0.1 + 0.2, 0.3]):
        assert passage_prior(scores) == pytest.approx([-math.log(len(scores))] * len(scores))
