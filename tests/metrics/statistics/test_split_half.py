from __future__ import annotations

import numpy as np
import pytest

from odqa.metrics.statistics.split_half import cross_choice, first_half

IDS = [f"q{n}" for n in range(11)]


def test_halves_depend_on_ids_and_seed_alone() -> None:
    first = first_half(IDS)
    assert first.sum() == 6  # the odd one is in the first half
    by_id = dict(zip(IDS, first, strict=True))
    other_order = IDS[::-1]
    assert dict(zip(other_order, first_half(other_order), strict=True)) == by_id
    assert any((first_half(IDS, seed) != first).any() for seed in range(1, 5))
    # for n in $(seq 0 10); do printf "0:q$n" | sha256sum | sed "s/-/q$n/"; done | sort | head -6
    assert [key for key in IDS if by_id[key]] == ["q0", "q2", "q4", "q5", "q6", "q9"]


def test_a_choice_by_hand() -> None:
    # Candidate 0 is best on the first half (0.75), 1 on the second (1.0).
    values = np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 1], [0, 1]], dtype=float)
    first = np.array([True, True, True, True, False, False])
    split = cross_choice(values, first)
    assert split.chosen == (0, 1)
    assert split.apparent == (0.75, 1.0)
    assert split.judged == (0.0, 0.5)
    # The first half is judged by candidate 1, the second by 0.
    assert split.values.tolist() == [0, 0, 1, 1, 0, 0]
    assert split.optimism == (0.75 + 1.0 - 0.0 - 0.5) / 2


def test_one_choice_for_both_halves_is_no_optimism() -> None:
    values = np.random.default_rng(0).random((10, 1)) + np.array([[0.0, 5.0]])
    split = cross_choice(values, first_half([str(n) for n in range(10)]))
    assert split.chosen == (1, 1)
    assert split.optimism == pytest.approx(0)
    assert split.values.tolist() == values[:, 1].tolist()


def test_of_equals_the_first_is_chosen_whatever_the_rounding() -> None:
    column = np.array([0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
    values = np.column_stack([column, column[::-1]])
    assert cross_choice(values, np.array([True] * 3 + [False] * 3)).chosen == (0, 0)


def test_candidates_of_chance_look_better_where_they_were_chosen() -> None:
    chance = np.random.default_rng(1)
    optimisms = []
    for seed in range(50):
        values = (chance.random((100, 20)) < 0.5).astype(float)
        optimisms.append(
            cross_choice(values, first_half([f"{n}" for n in range(100)], seed)).optimism
        )
    # The highest of 20 means of 50 coins is about 1.87 standard errors of 0.07 above a half.
    assert np.mean(optimisms) == pytest.approx(1.87 * 0.0707, abs=0.02)


def test_a_half_without_questions_is_refused() -> None:
    with pytest.raises(ValueError, match="a half without questions"):
        cross_choice(np.ones((2, 2)), np.array([True, True]))
