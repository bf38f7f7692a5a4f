"""The content hash of a checkpoint, over every file that may decide its results."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache as memoised
from pathlib import Path

from odqa.checkpoints.folder import transformer_folder
from odqa.checkpoints.read_anew import read_anew
from odqa.checkpoints.settings_file import read_json

# Hashed first, by their sorted paths, and alone up to version 0.1.0: folders with no other file
# keep their hashes, and results in caches stay valid.
_FIRST = (
    "*.safetensors",
    "pytorch_model*.bin",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "artifact.metadata",
    "*_Pooling/config.json",
)
# Files that decide no result: prose, pictures, what git and training leave, and exports of the
# weights for other libraries, which odqa does not read.
_PROSE = (
    "readme*", "license*", "licence*", "notice*", "*.md", "*.rst", "*.pdf",
    "*.png", "*.jpg", "*.jpeg", "*.gif", "*.svg", "*.webp",
)  # fmt: skip
_TRAINING = (
    "trainer_state.json", "training_args.bin", "optimizer.pt", "scheduler.pt", "scaler.pt",
    "rng_state*.pth", "train_results.json", "eval_results.json", "all_results.json",
    "similarity_evaluation*.csv", "events.out.tfevents*", "*.log", "data_config.json", "*.py",
)  # fmt: skip
_EXPORTS = (
    "*.onnx", "*.onnx_data", "*.h5", "*.msgpack", "*.ot", "*.tflite", "*.gguf", "*.mlmodel",
    "rust_model*", "tf_model*", "flax_model*",
)  # fmt: skip
_NO_RESULT = (*_PROSE, *_TRAINING, *_EXPORTS)
_NO_RESULT_FOLDERS = (
    ".*", "__pycache__", "onnx", "openvino", "coreml", "runs", "eval", "checkpoint-*",
)  # fmt: skip


def checkpoint_fingerprint(folder: Path) -> str:
    """SHA-256 over the files that decide results: all but prose, training logs and exports.

    Raises:
        CheckpointError: a file or folder that it names is outside of the checkpoint.
    """
    fingerprint = hashlib.sha256()
    first = {path for pattern in _FIRST for path in folder.glob(pattern)}
    if (model_folder := transformer_folder(folder)) != folder:
        first |= {path for pattern in _FIRST for path in model_folder.glob(pattern)}
    others = set(_files(folder)) - first - _of_the_cache(folder)
    for path in [*sorted(first), *sorted(others)]:
        fingerprint.update(f"{path.relative_to(folder).as_posix()}\0{_digest(path)}\n".encode())
    for setting in read_anew(folder):
        fingerprint.update(f"setting\0{setting}\n".encode())
    return fingerprint.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Every file of a checkpoint and of its folders, but those that decide no result."""
    for parent, folders, files in os.walk(folder, followlinks=True):
        # Folders are pruned in place; a link to a folder above would never end.
        folders[:] = [
            name
            for name in folders
            if not _is_any(name, _NO_RESULT_FOLDERS)
            and Path(parent, name).resolve() not in (folder.resolve(), *folder.resolve().parents)
        ]
        for name in files:
            path = Path(parent, name)
            if not name.startswith(".") and not _is_any(name, _NO_RESULT) and path.is_file():
                yield path


def _of_the_cache(folder: Path) -> set[Path]:
    """Files of an artifact of odqa's cache that say nothing new.

    Its manifest has times in it. An embedded model's ``ranking.json`` goes with its weights, and
    was in no hash up to version 0.1.0; a trained model's may be edited and trained anew.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return set()
    content = read_json(manifest)
    identity = content.get("identity") if isinstance(content, dict) else None
    if not isinstance(identity, dict) or "files" not in content:
        return set()
    is_embedded = set(identity) == {"model", "base", "delta", "format"}
    return {manifest, *([folder / "ranking.json"] if is_embedded else [])}


def _is_any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name.lower(), pattern) for pattern in patterns)


def _digest(path: Path) -> str:
    stat = path.stat()
    # A file edited in place has another time of change, even where its time of modification was
    # kept; one put in its place has another inode.
    return _file_digest(
        path, (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev)
    )


@memoised
def _file_digest(path: Path, _state: tuple[int, ...]) -> str:
    # The state is part of the memoised key, so a changed file is read again.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
