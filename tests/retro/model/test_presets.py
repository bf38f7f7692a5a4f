"""The paper's parameter counts (its table 1)."""

from __future__ import annotations

import pytest
import torch

from odqa.errors import CheckpointError
from odqa.retro.model.model import RetroModel
from odqa.retro.model.presets import PRESETS, preset

# Millions of parameters without embeddings: with retrieval, and the baseline.
PAPER = {"172m": (172, 132), "425m": (425, 368), "1.5b": (1451, 1309), "7.5b": (7532, 6982)}


def built(name: str) -> tuple[int, int]:
    """Parameters of the built model without embeddings: all, and those of the plain decoder."""
    with torch.device("meta"):
        model = RetroModel(PRESETS[name])
    outside = (".tokens.", ".places.", "readout.")
    inside = [(n, p) for n, p in model.named_parameters() if not any(o in n for o in outside)]
    plain = [(n, p) for n, p in inside if n.startswith("decoder.") and ".cross." not in n]
    return sum(p.numel() for _, p in inside), sum(p.numel() for _, p in plain)


@pytest.mark.parametrize("name", PAPER)
def test_counts_of_the_paper(name: str) -> None:
    assert built(name) == pytest.approx([1e6 * count for count in PAPER[name]], rel=0.005)


def test_unknown_preset() -> None:
    assert preset("7.5B") is PRESETS["7.5b"]
    with pytest.raises(CheckpointError, match="did you mean '172m'"):
        preset("172")
