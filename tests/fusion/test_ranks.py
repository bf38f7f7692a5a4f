from __future__ import annotations

import pytest

from odqa.fusion.ranks import RankFusion, ReciprocalRankConfig, ReciprocalRankFusion
from odqa.interfaces import FusionConfig
from odqa.types import Hit


def hits(ids: str) -> list[Hit]:
    """Hits in this order; their scores say nothing."""
    return [Hit(each, 100.0 - 7 * n) for n, each in enumerate(ids)]


def test_reciprocal_ranks_by_hand() -> None:
    fusion = ReciprocalRankFusion(ReciprocalRankConfig())
    (fused,) = fusion.fuse([[hits("abc"), hits("bd")]], 10)
    assert [(hit.passage_id, hit.score) for hit in fused] == [
        ("b", pytest.approx(1 / 62 + 1 / 61)),
        ("a", pytest.approx(1 / 61)),
        ("d", pytest.approx(1 / 62)),
        ("c", pytest.approx(1 / 63)),
    ]


def test_the_constant_and_the_weights_count() -> None:
    config = ReciprocalRankConfig(constant=1, weights=(1.0, 3.0))
    (fused,) = ReciprocalRankFusion(config).fuse([[hits("abc"), hits("bd")]], 10)
    assert [(hit.passage_id, hit.score) for hit in fused] == [
        ("b", pytest.approx(1 / 3 + 3 / 2)),
        ("d", pytest.approx(3 / 3)),
        ("a", pytest.approx(1 / 2)),
        ("c", pytest.approx(1 / 4)),
    ]


def test_normalised_ranks_by_hand() -> None:
    (fused,) = RankFusion(FusionConfig()).fuse([[hits("abcd"), hits("cb")]], 10)
    # 1, 3/4, 1/2, 1/4 in the longer list; 1, 1/2 in the shorter.
    assert [(hit.passage_id, hit.score) for hit in fused] == [
        ("c", 1.5),
        ("b", 1.25),
        ("a", 1.0),
        ("d", 0.25),
    ]


@pytest.mark.parametrize(
    "fusion", [ReciprocalRankFusion(ReciprocalRankConfig()), RankFusion(FusionConfig())]
)
def test_equal_scores_keep_the_ranks_that_their_list_gave_them(fusion: RankFusion) -> None:
    tied = [Hit("z", 1.0), Hit("a", 1.0)]
    (fused,) = fusion.fuse([[tied, hits("qz")]], 10)
    scores = {hit.passage_id: hit.score for hit in fused}
    assert scores["q"] > scores["a"]
    (alone,) = fusion.fuse([[tied, []]], 10)
    assert [hit.passage_id for hit in alone] == ["z", "a"]
