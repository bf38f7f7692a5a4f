from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.checkpoints.base_model import base_model_dir, file_sha256
from odqa.checkpoints.embedded import EMBEDDED, materialise, model_dir
from odqa.errors import CheckpointError


@pytest.mark.parametrize("name", ["minilm", "embedded:minilm"])
def test_the_base_model_needs_no_cache(name: str) -> None:
    assert materialise(name) == base_model_dir()


def test_an_unknown_name_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="did you mean 'colbert'"):
        materialise("colbrt", Cache(tmp_path))


def test_a_model_without_weights_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("odqa.checkpoints.embedded"), "_MODELS", tmp_path)
    with pytest.raises(CheckpointError, match="embedded:reader: not shipped"):
        materialise("embedded:reader", Cache(tmp_path / "cache"))


SHIPPED = [name for name in EMBEDDED if name != "minilm"]  # which is the base model itself


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_model_has_a_card_with_its_checksum(name: str) -> None:
    folder = model_dir(name)
    (weights,) = folder.glob("*.safetensors")
    sha256 = file_sha256(weights)
    if weights.name == "delta.safetensors":
        assert json.loads((folder / "config.json").read_text("utf-8"))["sha256"] == sha256
    card = (folder / "card.md").read_text("utf-8")
    assert sha256 in card
    assert "licence" in card.lower() or "CC BY-SA" in card


def test_all_shipped_weights_together_are_small() -> None:
    total = sum(
        path.stat().st_size for name in SHIPPED for path in model_dir(name).glob("*.safetensors")
    )
    assert total < 60_000_000
