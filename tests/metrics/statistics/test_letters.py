"""Letters of pipelines that cannot be told apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from odqa.metrics.statistics.letters import compact_letters


def pairs(text: str) -> list[frozenset[str]]:
    return [frozenset(pair.split("-")) for pair in text.split()]


@pytest.mark.parametrize(
    ("names", "different", "letters"),
    [
        ("A B C", "", {"A": "a", "B": "a", "C": "a"}),
        ("A B C", "A-B A-C B-C", {"A": "a", "B": "b", "C": "c"}),
        # B is told apart from neither.
        ("A B C", "A-C", {"A": "a", "B": "ab", "C": "b"}),
        ("A B C D", "A-C A-D B-D", {"A": "a", "B": "ab", "C": "bc", "D": "c"}),
        ("A", "", {"A": "a"}),
    ],
)
def test_by_hand(names: str, different: str, letters: dict[str, str]) -> None:
    assert compact_letters(names.split(), pairs(different)) == letters


def test_a_letter_is_shared_exactly_where_two_are_not_different() -> None:
    draw = np.random.default_rng(0)
    for n in range(2, 9):
        names = [f"p{i}" for i in range(n)]
        for _ in range(20):
            different = [frozenset(p) for p in combinations(names, 2) if draw.random() < 0.5]
            letters = compact_letters(names, different)
            for one, other in combinations(names, 2):
                shares = bool(set(letters[one]) & set(letters[other]))
                assert shares is (frozenset((one, other)) not in different)


def test_more_than_26_groups() -> None:
    names = [f"p{i}" for i in range(30)]
    letters = compact_letters(names, [frozenset(pair) for pair in combinations(names, 2)])
    assert letters["p0"] == "a"
    assert letters["p25"] == "z"
    assert letters["p26"] == "aa"
