"""The content hash of a checkpoint, over the files that decide its results."""

from __future__ import annotations

import hashlib
from functools import cache as memoised
from pathlib import Path

from odqa.checkpoints.folder import transformer_folder

# Files that decide results; readme files and training logs do not.
_PATTERNS = (
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


def checkpoint_fingerprint(folder: Path) -> str:
    """SHA-256 over the files that decide results: weights, configuration, tokenizer, pooling."""
    fingerprint = hashlib.sha256()
    files = {path for pattern in _PATTERNS for path in folder.glob(pattern)}
    if (model_folder := transformer_folder(folder)) != folder:
        files |= {path for pattern in _PATTERNS for path in model_folder.glob(pattern)}
    for path in sorted(files):
        stat = path.stat()
        digest = _file_digest(path, (stat.st_size, stat.st_mtime_ns))
        fingerprint.update(f"{path.relative_to(folder).as_posix()}\0{digest}\n".encode())
    return fingerprint.hexdigest()


@memoised
def _file_digest(path: Path, _state: tuple[int, int]) -> str:
    # Size and time are part of the memoised key, so a changed file is read again.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
