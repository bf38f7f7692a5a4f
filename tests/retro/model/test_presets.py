"""The paper's parameter counts (its table 1), built and computed."""

from __future__ import annotations

import pytest
import torch

from odqa.errors import CheckpointError
from odqa.retro.model.model import RetroModel
from odqa.retro.model.presets import PRESETS, parameters, preset, without_retrieval
from odqa.testing.retro_model import tiny_config

# Millions of parameters without embeddings: with retrieval, and the baseline.
PAPER = {"172m": (172, 132), "425m": (425, 368), "1.5b": (1451, 1309), "7.5b": (7532, 6982)}


def built(name_or_config: str | object) -> int:
    config = PRESETS[name_or_config] if isinstance(name_or_config, str) else name_or_config
    with torch.device("meta"):
        model = RetroModel(config)
    outside = (".tokens.", ".places.", "readout.")
    return sum(
        p.numel() for n, p in model.named_parameters() if not any(part in n for part in outside)
    )


@pytest.mark.parametrize("name", PAPER)
def test_counts_of_the_paper(name: str) -> None:
    with_retrieval, baseline = PAPER[name]
    assert built(name) == pytest.approx(with_retrieval * 1e6, rel=0.005)
    assert without_retrieval(preset(name)) == pytest.approx(baseline * 1e6, rel=0.005)


@pytest.mark.parametrize("name", PRESETS)
def test_counts_are_those_of_the_built_model(name: str) -> None:
    assert parameters(PRESETS[name]) == built(name)


@pytest.mark.parametrize("position", ["xl", "rope", "bias", "absolute"])
def test_counts_hold_for_other_parts(position: str) -> None:
    config = tiny_config(
        position, "bias", bias=True, out_bias=False, gated=True, norm="layer", ffw="swiglu"
    )
    assert parameters(config) == built(config)


def test_unknown_preset() -> None:
    assert preset("7.5B") is PRESETS["7.5b"]
    with pytest.raises(CheckpointError, match="did you mean '172m'"):
        preset("172")
