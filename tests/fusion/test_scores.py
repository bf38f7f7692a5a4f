from __future__ import annotations

import random

import pytest

from odqa.fusion.scores import MinMaxFusion, ZScoreFusion
from odqa.interfaces import FusionConfig
from odqa.types import Hit

PLAIN = FusionConfig()


def hits(**scores: float) -> list[Hit]:
    return [Hit(key, score) for key, score in scores.items()]


def test_min_max_by_hand() -> None:
    lists = [hits(a=10.0, b=6.0, c=2.0), hits(c=-1.0, d=-3.0)]
    (fused,) = MinMaxFusion(PLAIN).fuse([lists], 10)
    # 1, 1/2, 0 and 1, 0: c is the last of one list and the first of the other.
    assert fused == hits(a=1.0, c=1.0, b=0.5, d=0.0)
    weighted = MinMaxFusion(FusionConfig(weights=(2.0, 3.0)))
    assert weighted.fuse([lists], 2) == [hits(c=3.0, a=2.0)]


def test_z_scores_by_hand() -> None:
    # The means are 4 and 0; the deviation is the population's.
    lists = [hits(a=7.0, b=4.0, c=4.0, d=3.0, e=2.0), hits(d=5.0, f=-5.0)]
    values = {hit.passage_id: hit.score for hit in ZScoreFusion(PLAIN).fuse([lists], 10)[0]}
    # 3, 0, 0, -1, -2 squared are 14 in sum; the deviation of the other list is 5.
    deviation = (14 / 5) ** 0.5
    assert values == {
        "a": pytest.approx(3 / deviation),
        "b": pytest.approx(0.0),
        "c": pytest.approx(0.0),
        "d": pytest.approx(-1 / deviation + 1),
        "e": pytest.approx(-2 / deviation),
        "f": pytest.approx(-1.0),
    }
    (weighted,) = ZScoreFusion(FusionConfig(weights=(0.5, 2.0))).fuse([lists], 1)
    assert weighted == [Hit("d", pytest.approx(-0.5 / deviation + 2))]


@pytest.mark.parametrize(
    ("fusion", "value"), [(MinMaxFusion(PLAIN), 1.0), (ZScoreFusion(PLAIN), 0.0)]
)
def test_a_list_of_equal_scores(fusion: MinMaxFusion | ZScoreFusion, value: float) -> None:
    assert fusion.fuse([[hits(a=7.5), hits(b=-2.0, c=-2.0)]], 10) == [
        hits(a=value, b=value, c=value)
    ]
    # Whatever the scores, and however many: the mean of equal numbers may be rounded.
    draw = random.Random(0)
    for n in range(1, 60):
        equal = [Hit(f"{i:02}", draw.uniform(-30, 30)) for i in range(n)]
        equal = [Hit(hit.passage_id, equal[0].score) for hit in equal]
        assert {hit.score for hit in fusion.fuse([[equal, []]], n)[0]} == {value}, equal[0]
