"""Trained weights back into the model that a task builds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from odqa.models.delta import read_delta
from odqa.training.lora import load

if TYPE_CHECKING:
    from torch import nn

    from odqa.training.tasks.base import Task


def load_trained(task: Task, model: nn.Module, folder: Path) -> str:
    """Put what a training of the same task and rank left behind into a freshly built model.

    Args:
        task: the one that built the model.
        model: changed in place.
        folder: of a training run, with one folder per model, or that of the only model.

    Returns:
        The SHA-256 of the weight files, joined by commas.

    Raises:
        CheckpointError: files are missing or damaged, or of another task or rank.
    """
    kept = task.trained(model)
    deltas = {name: read_delta(_folder(folder, name, alone=len(kept) == 1)) for name in kept}
    load(
        model,
        {
            kept[name].prefix + key: tensor
            for name, delta in deltas.items()
            for key, tensor in delta.tensors.items()
        },
        str(folder),
    )
    return ",".join(delta.sha256 for delta in deltas.values())


def _folder(folder: Path, name: str, *, alone: bool) -> Path:
    """The model's folder: its name, that of the run (a first stage has a name of its own), or
    the given one itself."""
    candidates = [folder / name, *([folder / folder.name, folder] if alone else [])]
    return next((f for f in candidates if (f / "config.json").is_file()), candidates[0])
