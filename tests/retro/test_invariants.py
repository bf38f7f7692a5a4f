"""Every invariant for every kind of positions, with and without a conditioned encoder."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch

from odqa.retro.model.model import RetroModel
from odqa.testing.retro_invariants import INVARIANTS, close
from odqa.testing.retro_model import Case, aligned_right, tiny_case, tiny_config

KINDS = [
    ("xl", "xl", True),
    ("xl", "bias", False),
    ("rope", "rope", True),
    ("bias", "bias", True),
    ("absolute", "none", False),
    ("absolute", "xl", True),
    ("none", "rope", False),
]


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(map(str, kind)), scope="module")
def case(request: pytest.FixtureRequest) -> Case:
    return tiny_case(tiny_config(*request.param))


@pytest.mark.parametrize("name", INVARIANTS)
def test_invariant_holds(name: str, case: Case) -> None:
    INVARIANTS[name](case)


VARIANTS: dict[str, dict[str, Any]] = {
    "layer1p": {"norm": "layer1p", "bias": True},
    "swiglu": {"ffw": "swiglu", "norm": "layer"},
    "geglu": {"ffw": "geglu", "attention_scale": False},
    "squared_relu": {"ffw": "squared_relu", "norm": "layer1p"},
    "gated": {"gated": True, "ffw": "relu"},
    "partial": {"position": "rope", "cross": "none", "rotary_fraction": 0.34},
}


@pytest.mark.parametrize(("variant", "name"), itertools.product(VARIANTS, INVARIANTS))
def test_invariant_holds_for_variants(variant: str, name: str) -> None:
    INVARIANTS[name](tiny_case(tiny_config(**VARIANTS[variant])))


@pytest.mark.parametrize("name", sorted(set(INVARIANTS) - {"encoder_sees_first_cross_layer"}))
def test_invariant_holds_after_post_norm(name: str) -> None:
    INVARIANTS[name](tiny_case(tiny_config(norm_order="post", norm="layer", embed_norm=True)))


def test_embeddings_may_be_shared() -> None:
    config = tiny_config(d_model=12)
    case = tiny_case(replace(config, share_embeddings=True))
    assert "encoder.embedding.tokens.weight" not in case.model.state_dict()
    for check in INVARIANTS.values():
        check(case)


def test_aligned_right_is_left_padding_to_whole_chunks() -> None:
    case = tiny_case()
    right = aligned_right(case)
    neighbours = torch.randint(0, 50, (2, 5, 2, 16))
    out = right.model(case.ids, case.mask, neighbours).logits
    ids = torch.nn.functional.pad(case.ids, (5, 0))
    mask = torch.nn.functional.pad(case.mask, (5, 0))
    expected = case.model(ids, mask, neighbours).logits[:, 5:]
    close(out, expected)
    assert out.shape == case.logits().shape


def test_fewer_neighbours_than_chunks_are_refused() -> None:
    case = tiny_case()
    with pytest.raises(ValueError, match="4 complete chunks"):
        case.logits(neighbour_ids=case.neighbours[:, :3], neighbour_mask=case.neighbour_mask[:, :3])


def test_half_precision_is_finite_and_near() -> None:
    case = tiny_case()
    half = RetroModel(case.model.config).eval()
    half.load_state_dict(case.model.state_dict())
    half = half.bfloat16()
    mask = case.neighbour_mask.clone()
    mask[:, 2] = False
    out = half(case.ids, case.mask, case.neighbours, mask).logits
    assert torch.isfinite(out).all()
    difference = (out.double() - case.logits(neighbour_mask=mask)).abs().mean()
    assert difference < 0.1 * case.logits().abs().mean()
