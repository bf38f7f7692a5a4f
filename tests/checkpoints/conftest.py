"""Sentence-transformers folders around one tiny BERT, written key by key."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from odqa.testing.tiny_checkpoints import tiny_bert

#: Content of a file by its path in the folder; `None` removes it.
Files = Mapping[str, object]
MakeFolder = Callable[..., Path]

POOLING = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture
def make_folder(bert: Path, tmp_path: Path) -> MakeFolder:
    """Makes a folder of Transformer, Pooling and further modules by name, ``files`` put over it."""

    def make(*modules: str, files: Files | None = None) -> Path:
        folder = tmp_path / f"folder-{len(list(tmp_path.iterdir()))}"
        return sentence_folder(bert, folder, modules, files or {})

    return make


@pytest.fixture(scope="session")
def make_usual(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make_folder` makes without arguments."""
    return sentence_folder(bert, tmp_path_factory.mktemp("usual") / "folder", (), {})


def sentence_folder(bert: Path, folder: Path, modules: Sequence[str], files: Files) -> Path:
    """A sentence-transformers folder around a copy of a model."""
    shutil.copytree(bert, folder)
    entries = []
    for number, kind in enumerate(["Transformer", "Pooling", *modules]):
        place = "" if number == 0 else f"{number}_{kind}"
        (folder / place).mkdir(exist_ok=True)
        path = f"sentence_transformers.models.{kind}"
        entries.append({"idx": number, "name": str(number), "path": place, "type": path})
    write(folder / "modules.json", entries)
    write(folder / "1_Pooling/config.json", POOLING)
    write(folder / "sentence_bert_config.json", {"max_seq_length": 24, "do_lower_case": False})
    for name, content in files.items():
        write(folder / name, content)
    return folder


def write(path: Path, content: object) -> None:
    """JSON into a file, or no file."""
    path.parent.mkdir(exist_ok=True)
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(json.dumps(content), encoding="utf-8")
