"""Trained weights back into the model that a task builds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from odqa.errors import CheckpointError
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
    deltas = {name: read_delta(_folder(folder, name)) for name in kept}
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


def _folder(run: Path, name: str) -> Path:
    """Where a model lies: in a run under its name, in one of another name (a first stage) as its
    only model, or in the given folder itself."""
    models = sorted(file.parent for file in run.glob("*/config.json"))
    alone = models if len(models) == 1 else [run]
    found = next((f for f in (run / name, *alone) if (f / "config.json").is_file()), None)
    if found is None:
        raise CheckpointError(
            f"no weights of '{name}'",
            where=str(run),
            cure="train them first, or name the folder that odqa train left",
        )
    return found
