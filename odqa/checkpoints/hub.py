"""Checkpoints from the Hugging Face hub, or from its local cache; their code is not fetched."""

from __future__ import annotations

import os
from pathlib import Path

from odqa.errors import CheckpointError, EnvironmentProblem

# Modules after the encoder (``2_Dense``) are small, whatever their format.
_SMALL_FILES = [
    *("*.json", "*.txt", "*.model", "*.metadata"),
    *("[1-9]_*/*.safetensors", "[1-9]_*/pytorch_model.bin"),
]
_SAFE_WEIGHTS = ["model*.safetensors", "0_Transformer/*.safetensors"]
_OLD_WEIGHTS = ["pytorch_model*.bin", "0_Transformer/*.bin"]
_PASS_INSTEAD = "pass a local checkpoint folder or an embedded:NAME instead"


def from_hub(ref: str) -> Path:
    """Folder of a checkpoint on the hub: its safetensors, or its older weights where it has none.

    Raises:
        CheckpointError: no such public checkpoint.
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
