"""Fusion against the library ranx.

The numbers are what ranx 0.3.21 (numba 0.68.1, numpy 2.4.6) gave, to nine digits, for::

    runs = [ranx.Run({"q": each}) for each in LISTS]
    ranx.fuse(runs, norm=None, method="rrf", params={"k": 60})
    ranx.fuse(runs, norm=NORM, method="sum")
    ranx.fuse(runs, norm=NORM, method="wsum", params={"weights": WEIGHTS})

with the norms ``rank``, ``min-max`` and ``zmuv``. No passage is in all lists, and two pairs have
equal scores.
"""

from __future__ import annotations

import pytest

from odqa import registry
from odqa.types import Hit

LISTS = [
    {"p1": 12.0, "p2": 9.5, "p3": 9.5, "p4": 3.0, "p5": 1.0},
    {"p4": 0.91, "p2": 0.62, "p6": 0.62, "p7": 0.11},
    {"p5": 3.5, "p1": -2.0, "p7": -4.5},
]
WEIGHTS = (0.5, 0.3, 0.25)

#: Our name, with or without weights -> passages as ranx orders them, with its scores.
RANX: dict[tuple[str, bool], dict[str, float]] = {
    ("rrf", False): {
        "p1": 0.03252247488101534,
        "p2": 0.03225806451612903,
        "p4": 0.032018442622950824,
        "p5": 0.03177805800756621,
        "p7": 0.03149801587301587,
        "p3": 0.015873015873015872,
        "p6": 0.015873015873015872,
    },
    ("rank", False): {
        "p1": 1.666666667,
        "p2": 1.55,
        "p4": 1.4,
        "p5": 1.2,
        "p3": 0.6,
        "p7": 0.583333333,
        "p6": 0.5,
    },
    ("rank", True): {
        "p1": 0.666666667,
        "p2": 0.625,
        "p4": 0.5,
        "p5": 0.35,
        "p3": 0.3,
        "p7": 0.158333333,
        "p6": 0.15,
    },
    ("min_max", False): {
        "p2": 1.410227273,
        "p1": 1.3125,
        "p4": 1.181818182,
        "p5": 1.0,
        "p3": 0.772727273,
        "p6": 0.6375,
        "p7": 0.0,
    },
    ("min_max", True): {
        "p1": 0.578125,
        "p2": 0.577613636,
        "p4": 0.390909091,
        "p3": 0.386363636,
        "p5": 0.25,
        "p6": 0.19125,
        "p7": 0.0,
    },
    ("z_score", False): {
        "p1": 0.882545847,
        "p2": 0.781778366,
        "p3": 0.590899324,
        "p4": 0.251893256,
        "p6": 0.190879042,
        "p5": -0.071520774,
        "p7": -2.626475062,
    },
    ("z_score", True): {
        "p1": 0.516086124,
        "p2": 0.352713375,
        "p3": 0.295449662,
        "p6": 0.057263713,
        "p4": -0.113519807,
        "p5": -0.372419788,
        "p7": -0.735573278,
    },
}


def fused(name: str, lists: list[dict[str, float]], weights: tuple[float, ...] | None) -> list[Hit]:
    kind = registry.get("fusion", name)
    fusion = kind(kind.Config(weights=weights))
    hits = [[Hit(key, score) for key, score in each.items()] for each in lists]
    found: list[list[Hit]] = fusion.fuse([hits], 100)  # type: ignore[attr-defined]
    return found[0]


@pytest.mark.parametrize(("name", "weighted"), RANX)
def test_ranx_gives_the_same(name: str, weighted: bool) -> None:
    found = fused(name, LISTS, WEIGHTS if weighted else None)
    expected = RANX[name, weighted]
    assert [hit.passage_id for hit in found] == list(expected)
    assert [hit.score for hit in found] == pytest.approx(list(expected.values()), abs=1e-9)


EQUAL: list[dict[str, float]] = [{"p8": 2.0, "p1": 2.0}, {"p9": 7.0}]
#: What the norms of ranx give for these two lists.
RANX_EQUAL = {
    "min_max": ([0.0, 0.0], [0.0]),
    "z_score": ([0.0, 0.0], [0.0]),
    "rank": ([1, 0.5], [1]),
}


@pytest.mark.parametrize("name", RANX_EQUAL)
def test_where_all_scores_are_equal_min_max_differs_and_no_other(name: str) -> None:
    two, one = ([hit.score for hit in fused(name, [each], None)] for each in EQUAL)
    if name == "min_max":
        assert (two, one) == ([1.0, 1.0], [1.0])
    else:
        assert (two, one) == RANX_EQUAL[name]


def test_equal_sums_do_not_follow_the_order_of_the_lists() -> None:
    lists = [{"b": 2.0, "a": 1.0}, {"a": 2.0, "b": 1.0}]
    # ranx 0.3.21: b, a for the one order of the lists and a, b for the other.
    for order in (lists, lists[::-1]):
        assert [hit.passage_id for hit in fused("rrf", order, None)] == ["a", "b"]
        assert fused("rrf", order, None)[0].score == pytest.approx(0.032522474881)


def test_an_empty_list_says_nothing() -> None:
    # ranx 0.3.21 refuses runs over different questions.
    assert fused("rank", [LISTS[0], {}], None) == fused("rank", [LISTS[0]], None)
