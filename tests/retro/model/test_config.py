"""Configurations and weights on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from odqa.errors import CheckpointError
from odqa.retro.model.config import RetroConfig, StackConfig
from odqa.retro.model.model import RetroModel
from odqa.testing.retro_model import tiny_case, tiny_config


def test_round_trip(tmp_path: Path) -> None:
    config = tiny_config("rope", "bias", rotary_fraction=0.34, ffw="swiglu", gated=True)
    config.save_pretrained(tmp_path)
    assert RetroConfig.from_pretrained(tmp_path) == config
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "retro"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chunk_lenght": 8}, "unknown key 'chunk_lenght'; did you mean 'chunk_length'"),
        ({"model_type": "bert"}, "model_type is 'bert'"),
        ({"pad_id": 50}, "pad_id must be a token"),
        ({"chunk_alignment": "middle"}, "expected one of left, right"),
        ({"share_embeddings": True}, "equal widths"),
        ({"decoder": 3}, "expected a mapping"),
    ],
)
def test_bad_files_are_refused(change: dict[str, Any], message: str) -> None:
    data = {**tiny_config().to_dict(), **change}
    with pytest.raises(CheckpointError, match=message):
        RetroConfig.from_dict(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cross_layers": (7,)}, "1..6"),
        ({"cross_layers": (4, 2)}, "ascend"),
        ({"cross_layers": ()}, "must name a layer"),
        ({"d_model": 0}, "d_model must be positive"),
        ({"position": "rope", "rotary_fraction": 0.5}, "even number"),
        ({"ffw": "elu"}, "ffw is 'elu'"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_bad_stacks_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        tiny_config(**change)


def test_missing_keys_and_files_are_named(tmp_path: Path) -> None:
    data = tiny_config().to_dict()
    del data["decoder"]["heads"]
    with pytest.raises(CheckpointError, match=r"decoder.*'heads'"):
        RetroConfig.from_dict(data)
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        RetroConfig.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="not JSON"):
        RetroConfig.from_pretrained(tmp_path)


def test_weights_round_trip(tmp_path: Path) -> None:
    case = tiny_case()
    case.model.save_pretrained(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    again = RetroModel.from_pretrained(tmp_path)
    assert not again.training
    out = again(case.ids, case.mask, case.neighbours, case.neighbour_mask).logits
    # Other addresses, other kernels: the weights are equal, the products nearly so.
    assert (out - case.logits()).abs().max() < 1e-12
    pairs = zip(again.parameters(), case.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    half = RetroModel.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    tiny_case().model.save_pretrained(tmp_path)
    tiny_config(d_ffw=48).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="do not fit"):
        RetroModel.from_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not safetensors at all")
    with pytest.raises(CheckpointError, match="not safetensors"):
        RetroModel.from_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no model\.safetensors"):
        RetroModel.from_pretrained(tmp_path)


def test_scale_and_rotary_share() -> None:
    stack = StackConfig(d_model=8, heads=2, head_dim=16, layers=1, d_ffw=8, rotary_fraction=0.5)
    assert (stack.width, stack.rotary_dim, stack.scale) == (32, 8, 0.25)
