"""From how a user names a checkpoint to a local folder with configuration and weights.

Four ways: a local folder, one that ``odqa train`` left, ``embedded:NAME``, or an id on the Hugging
Face hub. Nothing is ever executed from a checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from functools import cache as memoised
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.errors import CheckpointError, EnvironmentProblem

if TYPE_CHECKING:
    from odqa.cache import Cache

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_SMALL_FILES = ["*.json", "*.txt", "*.model", "*.metadata"]
_SAFE_WEIGHTS = ["model*.safetensors", "0_Transformer/*.safetensors"]
_OLD_WEIGHTS = ["pytorch_model*.bin", "0_Transformer/*.bin"]
_PASS_INSTEAD = "pass a local checkpoint folder or an embedded:NAME instead"
# What decides the vectors of a checkpoint; readme files and training logs do not.
_DECISIVE = (
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


def resolve_checkpoint(ref: str, cache: Cache | None = None) -> Path:
    """The folder behind a checkpoint name, with ``config.json`` and weights in it.

    Args:
        ref: local folder, ``embedded:NAME`` or hub id (``owner/name``).
        cache: where embedded and trained checkpoints are built; default: the user's cache.

    Raises:
        CheckpointError: no such folder or hub id, or one without configuration or weights.
        EnvironmentProblem: the hub cannot be reached and has not been before.
    """
    if ref.startswith("embedded:"):
        from odqa.models import materialise

        return materialise(ref, cache)
    path = Path(ref).expanduser()
    if path.is_dir():
        from odqa.models.trained import is_trained, materialise_trained

        if is_trained(path):
            return materialise_trained(path, cache)
        check_complete(path, ref)
        return path
    if path.is_file():
        raise CheckpointError(
            "is a file, not a checkpoint folder", where=ref, cure="pass the folder that holds it"
        )
    if ref.startswith((".", "/", "~")) or not _HUB_ID.fullmatch(ref):
        raise CheckpointError("no such checkpoint folder", where=ref, cure="check the path")
    folder = _from_hub(ref)
    check_complete(folder, ref)
    return folder


def check_complete(folder: Path, name: str) -> None:
    """Refuse a folder that lacks ``config.json`` or weights.

    Raises:
        CheckpointError: naming what is missing.
    """
    model = transformer_folder(folder)
    if not (model / "config.json").is_file():
        raise CheckpointError(
            "no config.json in the checkpoint folder",
            where=name,
            cure="pass a folder in Hugging Face format",
        )
    read_json(model / "config.json")
    if not any(any(model.glob(pattern)) for pattern in ("*.safetensors*", "pytorch_model*")):
        raise CheckpointError(
            "no weights (model.safetensors or pytorch_model.bin) in the checkpoint folder",
            where=name,
            cure="fetch the checkpoint again",
        )


def transformer_folder(folder: Path) -> Path:
    """Where the model itself lies: old sentence-transformers folders keep it in a subfolder."""
    modules = folder / "modules.json"
    if (folder / "config.json").is_file() or not modules.is_file():
        return folder
    first = read_json(modules)[0]
    return folder / str(first.get("path", ""))


def read_json(path: Path) -> Any:
    """Content of a checkpoint's JSON file.

    Raises:
        CheckpointError: it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"not readable as JSON ({error})", where=str(path), cure="fetch the checkpoint again"
        ) from error


def checkpoint_fingerprint(folder: Path) -> str:
    """SHA-256 over the files that decide results: weights, configuration, tokenizer, pooling."""
    whole = hashlib.sha256()
    files = {path for pattern in _DECISIVE for path in folder.glob(pattern)}
    if (inner := transformer_folder(folder)) != folder:
        files |= {path for pattern in _DECISIVE for path in inner.glob(pattern)}
    for path in sorted(files):
        stat = path.stat()
        digest = _file_digest(path, (stat.st_size, stat.st_mtime_ns))
        whole.update(f"{path.relative_to(folder).as_posix()}\0{digest}\n".encode())
    return whole.hexdigest()


@memoised
def _file_digest(path: Path, _state: tuple[int, int]) -> str:
    # Size and time are part of the memory's key, so a file that changed is read again.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_hub(ref: str) -> Path:
    from huggingface_hub import errors

    try:
        folder = _snapshot(ref, [*_SMALL_FILES, *_SAFE_WEIGHTS])
        if not any(folder.glob("**/*.safetensors")):
            folder = _snapshot(ref, [*_SMALL_FILES, *_OLD_WEIGHTS])
    except (
        errors.GatedRepoError,
        errors.RepositoryNotFoundError,
        errors.HFValidationError,
    ) as error:
        raise CheckpointError(
            "neither a local folder nor a public checkpoint on the Hugging Face hub",
            where=ref,
            cure="check the name, or log in with `hf auth login` where it is restricted",
        ) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0")
        reason = "HF_HUB_OFFLINE is set" if offline else "the network is down or blocked"
        raise EnvironmentProblem(
            "no such local folder, and the Hugging Face hub could not be reached "
            f"({reason}; the checkpoint is not in its local cache)",
            where=ref,
            cure=_PASS_INSTEAD,
        ) from error
    return folder


def _snapshot(ref: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(ref, allow_patterns=patterns))


def checkpoint_sources(cache: Cache, *refs: str) -> dict[str, str]:
    """Name -> content hash of checkpoints, for `Component.sources`.

    Raises:
        CheckpointError, EnvironmentProblem: as `resolve_checkpoint`.
    """
    return {ref: checkpoint_fingerprint(resolve_checkpoint(ref, cache)) for ref in refs}
