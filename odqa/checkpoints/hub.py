"""Checkpoints from the Hugging Face hub, or from its local cache; their code is not fetched.

``owner/name`` is what the hub has today, ``owner/name@REVISION`` a commit, tag or branch of it. The
hub's cache names every file by the hash that the hub gave for it; files are checked against that.
"""

from __future__ import annotations

import hashlib
import os
import re
from functools import cache as memoised
from pathlib import Path

from odqa.errors import CheckpointError, EnvironmentProblem

# Modules after the encoder (``2_Dense``) are small, whatever their format.
_SMALL_FILES = [
    *("*.json", "*.txt", "*.model", "*.metadata"),
    *("[1-9]_*/*.safetensors", "[1-9]_*/pytorch_model.bin"),
]
_SAFE_WEIGHTS = ["model*.safetensors", "0_Transformer/*.safetensors"]
_OLD_WEIGHTS = ["pytorch_model*.bin", "0_Transformer/*.bin"]
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PASS_INSTEAD = "pass a local checkpoint folder or an embedded:NAME instead"


def from_hub(ref: str) -> Path:
    """Folder of a checkpoint on the hub: its safetensors, or its older weights where it has none.

    Raises:
        CheckpointError: no such public checkpoint or revision, or a file that is not the hub's.
        EnvironmentProblem: the hub cannot be reached, and the local cache does not hold it.
    """
    from huggingface_hub import errors

    try:
        folder = _snapshot(ref, [*_SMALL_FILES, *_SAFE_WEIGHTS])
        if not any(any(folder.glob(pattern)) for pattern in _SAFE_WEIGHTS):
            folder = _snapshot(ref, [*_SMALL_FILES, *_OLD_WEIGHTS])
    except (
        errors.GatedRepoError,
        errors.RepositoryNotFoundError,
        errors.RevisionNotFoundError,
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
    _check_files(folder, ref)
    return folder


def commit_of(ref: str) -> str | None:
    """The commit that a checkpoint's name stands for in the local cache; `None` without one."""
    from huggingface_hub import errors, snapshot_download

    name, revision = _split(ref)
    try:
        commit = Path(snapshot_download(name, revision=revision, local_files_only=True)).name
    except (errors.LocalEntryNotFoundError, errors.HFValidationError, OSError):
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def _split(ref: str) -> tuple[str, str | None]:
    name, _, revision = ref.partition("@")
    return name, revision or None


def _snapshot(ref: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    name, revision = _split(ref)
    return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))


def _check_files(folder: Path, ref: str) -> None:
    """Check every file of a snapshot that the cache names by its hash.

    Raises:
        CheckpointError: one has another content.
    """
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        blob = path.resolve()
        stat = blob.stat()
        if blob.parent.name == "blobs" and not _is_named_by_content(
            blob, (stat.st_size, stat.st_mtime_ns)
        ):
            raise CheckpointError(
                f"{path.relative_to(folder)} is not the file that the hub has",
                where=ref,
                cure=f"delete {blob} and run it again",
            )


@memoised
def _is_named_by_content(blob: Path, _state: tuple[int, int]) -> bool:
    # Large files have their SHA-256, small ones the hash of git, of a header and the content. Size
    # and time are part of the memoised key, so a changed file is read again.
    if len(blob.name) == 64:
        with blob.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == blob.name
    if len(blob.name) != 40:
        return True
    content = blob.read_bytes()
    header = f"blob {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest() == blob.name
