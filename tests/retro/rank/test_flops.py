"""Operation counts against sums done by hand and the study's table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from odqa.retro.model.config import RetroConfig, StackConfig
from odqa.retro.model.presets import preset
from odqa.retro.rank.flops import Ranking, UnitCosts, ranking_gflop

TOY = RetroConfig(
    vocab_size=10,
    decoder=StackConfig(d_model=3, heads=1, head_dim=2, layers=4, d_ffw=5, cross_layers=(2, 4)),
    encoder=StackConfig(d_model=4, heads=1, head_dim=3, layers=2, d_ffw=6, cross_layers=(1,)),
    chunk_length=8,
)


def test_parts_by_hand() -> None:
    cost = UnitCosts(TOY, passage=7)
    # One block: 4·3·2 = 24 for the projections and 2·3·5 = 30 for feed-forward.
    assert cost.decoder(tokens=6, context=3, layers=2) == 2 * (2 * 6 * (24 + 30) + 4 * 6 * 3 * 2)
    # Encoder block: 4·4·3 = 48 and 2·4·6 = 48 over 7 tokens, and 4·49·3 for attention, twice.
    assert cost.encoder() == 2 * (2 * 7 * 96 + 4 * 49 * 3)
    # Queries and output 2·(2·7·4·3), logits and mixing 4·7·8·3.
    assert cost.conditioning() == 336 + 672
    assert cost.keys_values() == 2 * 4 * 7 * 4 * 2
    assert cost.cross(tokens=5, keys=7) == 2 * (4 * 5 * 3 * 2 + 4 * 5 * 7 * 2)
    assert cost.readout(3) == 2 * 3 * 3 * 10
    assert cost.upper == 3


def test_gated_feed_forward_has_a_third_matrix() -> None:
    gated = replace(TOY, decoder=replace(TOY.decoder, ffw="swiglu"))
    extra = UnitCosts(gated, 7).decoder(1, 0, 1) - UnitCosts(TOY, 7).decoder(1, 0, 1)
    assert extra == 2 * 3 * 5


def test_offline_prefix_by_hand() -> None:
    ranking = Ranking(candidates=10, question=4, passage=7, answer=2)
    cost = UnitCosts(TOY, 7)
    once, per_candidate = cost.decoder(8, 4, 4), cost.decoder(1, 8, 3) + cost.cross(1, 7)
    gflop = ranking_gflop(TOY, ranking)
    offline = gflop["head, prefix, keys and values offline"]
    assert offline == pytest.approx((once + 10 * per_candidate) / 1e9)
    online = (
        once + 10 * (per_candidate + cost.encoder() + cost.conditioning() + cost.keys_values())
    ) / 1e9
    assert gflop["head, prefix"] == pytest.approx(online)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("172m", (753, 702, 172, 31, 1083, 1036 + 108, 314 + 108, 737)),
        ("425m", (879, 828, 298, 87, 1788, 1658 + 184, 866 + 184, 836)),
        ("1.5b", (1599, 1548, 1017, 360, 5912, 5346 + 246, 4108 + 246, 1396)),
    ],
)
def test_published_estimates(name: str, expected: tuple[int, ...]) -> None:
    gflop = ranking_gflop(replace(preset(name), vocab_size=30_000))
    order = (
        "head, prefix",
        "head, prefix, unconditioned",
        "head, prefix, encodings offline",
        "head, prefix, keys and values offline",
        "head, echo",
        "question likelihood",
        "question likelihood, keys and values offline",
        "attention mass",
    )
    assert [gflop[key] for key in order] == pytest.approx(expected, abs=1.5)
