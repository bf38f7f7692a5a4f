from __future__ import annotations

import pytest

from odqa.retro.model.config import RetroConfig, StackConfig
from odqa.retro.rank.question_cost import question_gflop

# Width 2, one head of 3, feed-forward 5: a block has 4*2*3 + 2*2*5 = 44 weights.
STACK = {"d_model": 2, "heads": 1, "head_dim": 3, "d_ffw": 5}
CONFIG = RetroConfig(
    vocab_size=7,
    decoder=StackConfig(**STACK, layers=3, cross_layers=(2, 3)),
    encoder=StackConfig(**STACK, layers=2, cross_layers=(1,)),
    chunk_length=4,
)


def decoder(tokens: int, context: float, layers: int) -> float:
    return layers * tokens * (2 * 44 + 4 * context * 3)


def encoder(tokens: int) -> float:
    return 2 * (tokens * 2 * 44 + 4 * tokens * tokens * 3)


def sees(tokens: int) -> float:
    return 4 * tokens * 3 * (2 + 4)


def keys(tokens: int) -> float:
    return 2 * 4 * tokens * 2 * 3


def cross(tokens: int, over: int) -> float:
    return 2 * 4 * tokens * 3 * (2 + over)


SHARED = decoder(3, 2, 3) + decoder(2, 5, 1)


@pytest.mark.parametrize(
    ("options", "flop"),
    [
        (
            {},
            SHARED
            + sum(encoder(r) + sees(r) + keys(r) + decoder(2, 5, 2) + cross(2, r) for r in (6, 8)),
        ),
        (
            {"ready": "encodings"},
            SHARED + sum(keys(r) + decoder(2, 5, 2) + cross(2, r) for r in (6, 8)),
        ),
        (
            {"ready": "keys-values", "similarity_tokens": 3},
            SHARED + encoder(3) + sum(decoder(2, 5, 2) + cross(2, r) for r in (6, 8)),
        ),
        (
            {"naive": True},
            sum(encoder(r) + sees(r) + keys(r) + decoder(5, 2.5, 3) + cross(2, r) for r in (6, 8)),
        ),
        (
            {"mode": "attention", "ready": "encodings"},
            decoder(3, 2, 3) + decoder(2, 5, 3) + cross(2, 14) + keys(6) + keys(8),
        ),
        (
            {"mode": "question_likelihood", "ready": "keys-values"},
            SHARED + sum(decoder(2, 5, 2) + cross(2, r) + 2 * 2 * 2 * 7 for r in (6, 8)),
        ),
    ],
)
def test_by_hand(options: dict[str, object], flop: float) -> None:
    gflop = question_gflop(CONFIG, suffix=2, passages=(6, 8), **({"mode": "head"} | options))
    assert gflop * 1e9 == pytest.approx(flop)
