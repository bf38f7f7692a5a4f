"""Orders that models write, against values of RankGPT's program and by hand."""

from __future__ import annotations

import random

import pytest

from odqa.rankers.permutation import Permutation, parse_permutation, reordered, windows

# The order is what receive_permutation of RankGPT's rank_gpt.py makes of the same text, from 0.


@pytest.mark.parametrize(
    ("text", "n", "expected"),
    [
        ("[2] > [3] > [1]", 3, Permutation((1, 2, 0))),
        ("[3]>[3]>[1]", 3, Permutation((2, 0, 1), missing=1, repeated=1)),
        ("[9] > [2]", 3, Permutation((1, 0, 2), missing=2, unknown=1)),
        ("[0] > [2]", 2, Permutation((1, 0), missing=1, unknown=1)),
        ("2, 1", 2, Permutation((1, 0))),
        ("I cannot rank these.", 3, Permutation((0, 1, 2), missing=3)),
        ("", 2, Permutation((0, 1), missing=2)),
    ],
)
def test_order_and_repair_are_rankgpts(text: str, n: int, expected: Permutation) -> None:
    assert parse_permutation(text, n) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # RankGPT's program would read the 3 of the sentence first.
        ("The 3 passages: [2] > [1] > [3]", Permutation((1, 0, 2))),
        ("<think>[1] is best</think>\n[2] > [3] > [1]", Permutation((1, 2, 0))),
        ("passage2 1.5 3", Permutation((2, 0, 1), missing=2)),
        ("[ 2 ] > [00003] > [1]", Permutation((1, 2, 0))),
        (f"[{'9' * 5000}] > [2] > [1] > [3]", Permutation((1, 0, 2))),
    ],
)
def test_where_ours_reads_otherwise(text: str, expected: Permutation) -> None:
    assert parse_permutation(text, 3) == expected


def test_what_is_wrong_is_said() -> None:
    good, repaired, lost = (parse_permutation(t, 2) for t in ("[2] > [1]", "[2]", "no"))
    assert (good.is_found, good.is_repaired) == (True, False)
    assert (repaired.is_found, repaired.is_repaired) == (True, True)
    assert (lost.is_found, lost.is_repaired) == (False, True)


def test_windows_are_those_of_rankgpt_and_leave_nothing_out() -> None:
    # Its sliding_windows over 100 passages: 80 to 100, 70 to 90, and so on to 0 to 20.
    assert list(windows(100, 20, 10)) == [range(s, s + 20) for s in range(80, -1, -10)]
    assert list(windows(25, 20, 10)) == [range(5, 25), range(20)]
    assert list(windows(20, 20, 10)) == [range(20)]
    assert list(windows(3, 20, 10)) == [range(3)]
    for n in range(1, 40):
        for step in range(1, 6):
            found = list(windows(n, 5, step))
            assert {i for window in found for i in window} == set(range(n))
            assert max(map(len, found)) <= 5


def test_the_best_passages_rise_to_the_top() -> None:
    """A model that orders every window rightly brings the best ``size - step`` to their places."""
    for seed in range(20):
        chance = random.Random(seed)
        n, size, step = chance.randint(2, 60), chance.randint(2, 12), 0
        step = chance.randint(1, max(1, size // 2))
        order = chance.sample(range(n), n)
        for window in windows(n, size, step):
            inside = [order[i] for i in window]
            best = sorted(range(len(window)), key=lambda i, inside=inside: inside[i])
            order = reordered(order, window, Permutation(tuple(best)))
        assert order[: size - step] == list(range(n))[: size - step]
        assert sorted(order) == list(range(n))
