"""Single tensors of a checkpoint's weight files; nothing in them is executed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from odqa.checkpoints.folder import weight_map
from odqa.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor


def read_tensor(folder: Path, key: str) -> Tensor | None:
    """One tensor of a checkpoint's weight files, or None when it is not in them.

    Reads safetensors, in one file or sharded, and ``pytorch_model.bin`` (tensors only, no code).

    Raises:
        CheckpointError: there are no weight files, or they are damaged.
    """
    path = _weight_file(folder, key)
    if path is None:
        return None
    try:
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="pt") as weights:
                return weights.get_tensor(key) if key in weights.keys() else None  # noqa: SIM118
        import torch

        tensor = torch.load(path, map_location="cpu", weights_only=True).get(key)
    except Exception as error:  # safetensors and torch raise kinds of their own
        raise CheckpointError(
            f"weights not readable ({first_line(error)})",
            where=str(path),
            cure="fetch the checkpoint again",
        ) from error
    return tensor if isinstance(tensor, torch.Tensor) else None


def _weight_file(folder: Path, key: str) -> Path | None:
    for stem in ("model.safetensors", "pytorch_model.bin"):
        if (folder / stem).is_file():
            return folder / stem
        if shards := weight_map(folder / f"{stem}.index.json"):
            return folder / shards[key] if key in shards else None
    raise CheckpointError(
        "neither model.safetensors nor pytorch_model.bin",
        where=str(folder),
        cure="name a folder with weights",
    )


def first_line(error: Exception) -> str:
    """What a library says in the first line of its error."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:200] if lines else type(error).__name__
