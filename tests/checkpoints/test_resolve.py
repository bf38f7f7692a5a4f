from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.errors import CheckpointError, EnvironmentProblem
from odqa.testing.tiny_checkpoints import tiny_bert


def test_a_complete_folder_is_itself(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "bert")
    assert resolve_checkpoint(str(folder)) == folder


def test_embedded_minilm_is_the_base_model() -> None:
    assert (resolve_checkpoint("embedded:minilm") / "modules.json").is_file()


def test_unknown_embedded_name_is_one_line() -> None:
    with pytest.raises(CheckpointError, match="no embedded model 'minilmm'"):
        resolve_checkpoint("embedded:minilmm")


def test_incomplete_folders_name_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        resolve_checkpoint(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="no weights"):
        resolve_checkpoint(str(tmp_path))
    (tmp_path / "config.json").write_text("{nonsense")
    with pytest.raises(CheckpointError, match="not readable as JSON"):
        resolve_checkpoint(str(tmp_path))


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint folder; check the path"):
        resolve_checkpoint(str(tmp_path / "nowhere"))


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="is a file"):
        resolve_checkpoint(str(tmp_path / "model.safetensors"))


def test_hub_id_while_offline_says_what_to_pass_instead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EnvironmentProblem) as caught:
        resolve_checkpoint("facebook/dpr-question_encoder-single-nq-base")
    line = str(caught.value)
    assert line.startswith("facebook/dpr-question_encoder-single-nq-base: ")
    assert "HF_HUB_OFFLINE is set" in line
    assert line.endswith("pass a local checkpoint folder or an embedded:NAME instead")


def test_fingerprint_follows_weights_and_settings_not_readme(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "bert")
    before = checkpoint_fingerprint(folder)
    (folder / "README.md").write_text("words")
    assert checkpoint_fingerprint(folder) == before
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 0.5}))
    assert checkpoint_fingerprint(folder) != before


def test_old_bin_weights_are_read_as_tensors_only(tmp_path: Path) -> None:
    from odqa.encoders.text import TextEncoder

    safe = tiny_bert(tmp_path / "safe")
    old = tiny_bert(tmp_path / "old")
    torch.save(load_file(old / "model.safetensors"), old / "pytorch_model.bin")
    (old / "model.safetensors").unlink()
    vectors = [TextEncoder(str(folder)).encode(["the river"]) for folder in (safe, old)]
    assert abs(vectors[0] - vectors[1]).max() < 1e-6


def test_bin_with_code_in_it_is_refused_and_not_run(tmp_path: Path) -> None:
    from odqa.encoders.text import TextEncoder

    folder = tiny_bert(tmp_path / "bert")
    (folder / "model.safetensors").unlink()
    torch.save(Bomb(str(tmp_path / "ran")), folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError):
        TextEncoder(str(folder)).load()
    assert not (tmp_path / "ran").exists()


class Bomb:
    """Touches a file when unpickled without care."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path(self.path),)
