"""The content hash changes with every file that may decide a result, and with no other."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.checkpoints.embedded import materialise
from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_bert

DECIDE = [
    *("ranking.json", "merges.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model"),
    *("added_tokens.json", "chat_template.jinja", "adapter_config.json", "2_Dense/config.json"),
    *("2_Dense/model.safetensors", "2_Dense/pytorch_model.bin", "0_Transformer/merges.txt"),
    *("sentence_roberta_config.json", "model-00001-of-00002.safetensors", "unheard.of"),
    "model.safetensors.index.json",
]
DECIDE_NOTHING = [
    *("README.md", "LICENSE", "LICENSE.txt", "model card.md", "results.png", ".gitattributes"),
    *(".git/config", "onnx/model.onnx", "openvino/openvino_model.xml", "tf_model.h5"),
    *("flax_model.msgpack", "rust_model.ot", "trainer_state.json", "training_args.bin"),
    *("optimizer.pt", "runs/x/events.out.tfevents.1", "train.log", "modeling_own.py"),
    "eval/similarity_evaluation_sts-dev_results.csv",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_bert(tmp_path / "bert")


def put(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


@pytest.mark.parametrize("name", DECIDE)
def test_files_that_may_decide_a_result(folder: Path, name: str) -> None:
    prints = [checkpoint_fingerprint(folder)]
    for content in ("a", "b"):
        put(folder / name, content)
        prints.append(checkpoint_fingerprint(folder))
    assert len(set(prints)) == 3


@pytest.mark.parametrize("name", DECIDE_NOTHING)
def test_files_that_decide_nothing(folder: Path, name: str) -> None:
    before = checkpoint_fingerprint(folder)
    put(folder / name, "a")
    assert checkpoint_fingerprint(folder) == before


def test_the_hash_of_a_usual_folder_is_that_of_version_0_1_0(folder: Path) -> None:
    """By its rule, written down here: path and SHA-256 of each file, by sorted path."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    put(
        folder / "config.json",
        json.dumps({**config, "architectures": ["BertForQuestionAnswering"]}),
    )
    # transformers 5 writes none.
    put(folder / "special_tokens_map.json", "{}")
    names = ["config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json"]
    by_hand = hashlib.sha256()
    for name in [*names, "tokenizer_config.json", "vocab.txt"]:
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        by_hand.update(f"{name}\0{digest}\n".encode())
    assert checkpoint_fingerprint(folder) == by_hand.hexdigest()


def test_a_plain_encoder_has_another_hash_since_its_limit_is_obeyed(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    by_hand = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        by_hand.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    assert config["architectures"] == ["BertModel"]
    assert checkpoint_fingerprint(folder) != by_hand.hexdigest()


def test_a_file_edited_in_place_is_noticed_though_its_time_was_kept(folder: Path) -> None:
    before = checkpoint_fingerprint(folder)
    path = folder / "vocab.txt"
    stat = path.stat()
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.write(content.replace(b"king", b"kong"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert checkpoint_fingerprint(folder) != before


def test_a_file_put_in_the_place_of_another_is_noticed(folder: Path) -> None:
    before = checkpoint_fingerprint(folder)
    path = folder / "vocab.txt"
    stat, other = path.stat(), folder.parent / "other"
    other.write_bytes(path.read_bytes().replace(b"king", b"kong"))
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert checkpoint_fingerprint(folder) != before


def test_linked_folders_end(folder: Path) -> None:
    (folder / "again").symlink_to(folder)
    put(folder.parent / "outside/x.json", "1")
    (folder / "more").symlink_to(folder.parent / "outside")
    before = checkpoint_fingerprint(folder)
    put(folder.parent / "outside/x.json", "2")
    assert checkpoint_fingerprint(folder) != before


def test_a_module_outside_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "config.json").rename(folder / "other.json")
    put(folder / "modules.json", '[{"type": "sentence_transformers.models.T", "path": "../x"}]')
    with pytest.raises(CheckpointError, match=r"names '\.\./x', which is outside"):
        checkpoint_fingerprint(folder)


def test_settings_of_a_ranker_trained_anew_are_noticed(tmp_path: Path) -> None:
    """An embedded model's go with its weights; in any other folder the file counts."""
    embedded = materialise("retro", Cache(tmp_path / "cache"))
    own = tmp_path / "own"
    shutil.copytree(embedded, own)
    (own / "manifest.json").unlink()
    first = checkpoint_fingerprint(own)
    settings = json.loads((own / "ranking.json").read_text("utf-8"))
    put(own / "ranking.json", json.dumps({**settings, "similarity": 1.0}))
    assert checkpoint_fingerprint(own) != first
