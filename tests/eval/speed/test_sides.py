"""The ways of ranking and of generating that are timed give the same results."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from eval.speed import generation_side, ranking_side
from eval.speed.generation import by_turn, furthest, ordinary
from eval.speed.measure import Measured
from eval.speed.ranking import agreement
from eval.speed.sizes import Sizes
from eval.speed.worker import Reply

RANKING: dict[str, Any] = {
    "preset": "172m",
    "small": True,
    "candidates": 23,
    "dtype": "float32",
    "threads": 1,
    "device": "cpu",
}
GENERATION = Sizes(
    batch=1,
    tokens=20,
    retrieved=12,
    chunk=8,
    vocabulary=50,
    width=16,
    heads=2,
    head_dim=8,
    layers=3,
    cross_layers=(2, 3),
)


def ranked(way: str) -> list[float]:
    job, _ = ranking_side.build({**RANKING, "way": way})
    more = job()
    assert more is not None
    return list(more["scores"])


def test_all_ways_of_ranking_agree() -> None:
    naive = ranked("naive")
    assert len(naive) == 23
    assert max(naive) - min(naive) > 1e-3
    assert ranked("prefix") == pytest.approx(naive, abs=1e-5)
    assert ranked("offline") == pytest.approx(naive, abs=1e-5)


def test_both_ways_of_generating_agree() -> None:
    settings = {"sizes": dataclasses.asdict(GENERATION), "threads": 1, "device": "cpu"}
    found = {}
    for way in ("cached", "uncached"):
        job, _ = generation_side.build({**settings, "way": way, "lengths": [6, 8, 14, 17, 20]})
        more = job()
        assert more is not None
        found[way] = more
    best = found["cached"]["best"]
    assert list(best) == list(range(1, 21))
    for length, value in found["uncached"]["best"].items():
        assert best[length] == pytest.approx(value, abs=1e-5)


def test_ordinary_lengths_leave_out_both_ends_of_a_chunk() -> None:
    assert list(ordinary(6, 8)) == [2, 3, 4, 5, 6, 7]
    assert list(ordinary(14, 8)) == [10, 11, 12, 13, 14, 15]


def test_what_is_said_of_turns() -> None:
    def side(name: str, *seconds: dict[str, float]) -> Measured:
        best = {"1": 0.5, "2": 0.75}
        return Measured(name, tuple(Reply(1, 1, {"seconds": s, "best": best}) for s in seconds))

    one = side("one", {"1": 2.0, "2": 4.0, "3": 9.0}, {"1": 1.0, "2": 1.0, "3": 5.0})
    assert by_turn(one, [1, 2, 3]) == [4.0, 1.0]
    other = Measured("other", (Reply(1, 1, {"best": {"2": 1.0}}),))
    assert furthest(one, other) == 0.25


def test_agreement_by_hand() -> None:
    def side(name: str, scores: list[float]) -> Measured:
        return Measured(name, (Reply(1, 1, {"scores": scores}),))

    # One swap of neighbours among four: 1 - 6·2 / (4·15) = 0.8.
    said = agreement(side("naive", [1, 2, 3, 4]), side("prefix", [1, 3, 2, 4.5]))
    assert said == "rank correlation with naive 0.800000, scores 1.0e+00 apart at most"
