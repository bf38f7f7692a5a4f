"""A checkpoint folder on disk: its completeness, the folder of its model, its JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from odqa.errors import CheckpointError


def check_complete(folder: Path, name: str) -> None:
    """Refuse a folder that lacks ``config.json`` or weights.

    Raises:
        CheckpointError: what is missing.
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
    """The folder of the model itself: a subfolder in old sentence-transformers checkpoints."""
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
