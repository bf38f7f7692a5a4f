"""Embedded models that are whole checkpoints, not changes of the base model."""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from odqa import package_files
from odqa.cache import Cache
from odqa.checkpoints.embedded import materialise, model_dir
from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.errors import CheckpointError, EnvironmentProblem
from odqa.testing.tiny_generators import tiny_generator

EMBEDDED = import_module("odqa.checkpoints.embedded")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model ``tiny`` as odqa would ship it: float16, a card, listed with checksums."""
    package = tmp_path / "odqa"
    folder = tiny_generator(package / "models" / "tiny", "gpt2")
    weights = {n: w.half() for n, w in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "card.md").write_text("# tiny\n")
    files = [*folder.glob("*.json"), folder / "model.safetensors"]
    listed = {
        f"odqa/models/tiny/{f.name}": hashlib.sha256(f.read_bytes()).hexdigest() for f in files
    }
    monkeypatch.setattr(package_files.checked, "__defaults__", (package,))
    for module in (package_files, EMBEDDED):
        monkeypatch.setattr(module, "checksums", lambda: listed)
    monkeypatch.setattr(EMBEDDED, "_MODELS", package / "models")
    monkeypatch.setitem(EMBEDDED.EMBEDDED, "tiny", "a causal language model")
    return folder


def test_its_home_library_loads_it_in_float32(shipped: Path, tmp_path: Path) -> None:
    folder = resolve_checkpoint("embedded:tiny", Cache(tmp_path / "cache"))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    assert {w.dtype for w in model.parameters()} == {torch.float32}
    half = load_file(shipped / "model.safetensors")
    assert all(torch.equal(model.state_dict()[n], w.float()) for n, w in half.items())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.decode(tokenizer("who built the river city")["input_ids"]) == (
        "who built the river city"
    )
    assert not (folder / "card.md").exists()


def test_it_is_built_once_and_its_content_decides(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path / "cache")
    first = materialise("tiny", cache)
    assert materialise("tiny", cache) == first
    other = Cache(tmp_path / "other")
    assert checkpoint_fingerprint(materialise("tiny", other)) == checkpoint_fingerprint(first)
    config = shipped / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"eos_token_id": 1}))
    listed = EMBEDDED.checksums()
    listed["odqa/models/tiny/config.json"] = hashlib.sha256(config.read_bytes()).hexdigest()
    assert materialise("tiny", cache) != first


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_flipped_bit_is_found_before_use(shipped: Path, tmp_path: Path, name: str) -> None:
    data = bytearray((shipped / name).read_bytes())
    data[len(data) // 2] ^= 1
    (shipped / name).write_bytes(bytes(data))
    with pytest.raises(EnvironmentProblem, match=f"{name}: is not the file that was shipped"):
        materialise("tiny", Cache(tmp_path / "cache"))


def test_a_missing_or_an_added_file_is_found(shipped: Path) -> None:
    assert model_dir("tiny") == shipped
    (shipped / "generation_config.json").rename(shipped / "other.json")
    with pytest.raises(EnvironmentProblem, match=r"generation_config.json: cannot be read"):
        model_dir("tiny")
    (shipped / "generation_config.json").write_text((shipped / "other.json").read_text())
    with pytest.raises(EnvironmentProblem, match=r"other.json: is not the file"):
        model_dir("tiny")


def test_a_folder_that_is_not_shipped(shipped: Path) -> None:
    (shipped / "config.json").unlink()
    with pytest.raises(CheckpointError, match="not shipped with this version"):
        model_dir("tiny")
