"""What holds for every fusion that adds up what the lists say."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from odqa import registry
from odqa.errors import ComponentError
from odqa.fusion.base import WeightedSum
from odqa.types import Hit

NAMES = [entry.name for entry in registry.entries("fusion") if entry.origin == "odqa"]
LISTS = [
    [Hit("a", 0.1), Hit("b", 0.1), Hit("c", 0.0)],
    [Hit("c", 3.3), Hit("d", 1.7)],
    [Hit("d", 12.0), Hit("a", 9.0), Hit("e", 1.1)],
]


def made(name: str, **parameters: Any) -> WeightedSum[Any]:
    kind = registry.get("fusion", name)
    fusion = kind(kind.Config(**parameters))
    assert isinstance(fusion, WeightedSum)
    return fusion


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_lists_cannot_matter(name: str) -> None:
    # Not even in the last digit, and not for equal sums.
    fused = [made(name).fuse([list(order)], 10) for order in permutations(LISTS)]
    assert all(each == fused[0] for each in fused)
    mirrored = [[Hit("b", 2.0), Hit("a", 1.0)], [Hit("a", 2.0), Hit("b", 1.0)]]
    (ids,) = [[hit.passage_id for hit in made(name).fuse([mirrored], 5)[0]]]
    assert ids == ["a", "b"]


@pytest.mark.parametrize("name", NAMES)
def test_weights_follow_their_lists(name: str) -> None:
    weights = (0.25, 1.0, 3.0)
    fused = made(name, weights=weights).fuse([LISTS], 10)
    turned = made(name, weights=weights[::-1]).fuse([LISTS[::-1]], 10)
    assert turned == fused != made(name).fuse([LISTS], 10)
    # A list of weight 0 says nothing, though its passages are there.
    (without,) = made(name, weights=(1.0, 1.0, 0.0)).fuse([LISTS], 10)
    scores = {hit.passage_id: hit.score for hit in made(name).fuse([[*LISTS[:2], []]], 10)[0]}
    assert {hit.passage_id: hit.score for hit in without} == {**scores, "e": 0.0}


@pytest.mark.parametrize("name", NAMES)
def test_k_cuts_and_empty_lists_say_nothing(name: str) -> None:
    fusion = made(name)
    assert fusion.fuse([LISTS, [[], [], []]], 2) == [fusion.fuse([LISTS], 10)[0][:2], []]
    assert fusion.fuse([[LISTS[0], [], []]], 10) == fusion.fuse([[LISTS[0]]], 10)
    assert fusion.fuse([], 5) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_too_few_is_an_error(name: str) -> None:
    with pytest.raises(ComponentError, match="2 weights for 3 fused stages; give each stage its"):
        made(name, weights=(1.0, 2.0)).fuse([LISTS], 5)
