from __future__ import annotations

from pathlib import Path

import pytest

from odqa.checkpoints.base_model import base_model_dir, check_sha256
from odqa.errors import CheckpointError


def test_the_base_model_is_the_published_one() -> None:
    folder = base_model_dir()
    assert (folder / "model.safetensors").is_file()
    assert (folder / "tokenizer.json").is_file()


def test_other_content_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    check_sha256(path, expected, "reinstall")
    path.write_bytes(b"abd")
    with pytest.raises(CheckpointError) as caught:
        check_sha256(path, expected, "reinstall")
    assert "ba7816bf8f01" in str(caught.value)
    assert "reinstall" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="missing"):
        check_sha256(tmp_path / "none", "0" * 64, "reinstall")
