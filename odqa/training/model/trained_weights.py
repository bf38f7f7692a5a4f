"""Trained weights back into the model that a task builds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.checkpoints.delta import (
    Delta,
    read_delta,
)
from odqa.checkpoints.trained import trained_models
from odqa.errors import CheckpointError
from odqa.training.model.lora import load

if TYPE_CHECKING:
    from torch import Tensor, nn

    from odqa.training.tasks.base import Task, TrainedModel


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
    models = task.trained(model)
    deltas = _read_deltas(models, folder)
    load(model, _tensors(models, deltas), str(folder))
    return ",".join(delta.sha256 for delta in deltas.values())


def initialise_from(task: Task, model: nn.Module, folder: Path) -> None:
    """Begin where another training ended, also one of a neighbouring task.

    Every low-rank change must find its layer. Heads are taken over where both have them (a
    cross-encoder that starts from a reader begins with a new one), and layers that the other
    training did not have stay as they were built (a RETRO whose encoder is to see the question
    starts from one whose encoder does not).

    Args:
        task: the one that built the model.
        model: changed in place.
        folder: of a training run, or that of one model of it.

    Raises:
        CheckpointError: files are missing or damaged, or of other layers, another rank or scale.
    """
    models = task.trained(model)
    deltas = _read_deltas(models, folder)
    lora = task.recipe.lora
    for delta in deltas.values():
        # A word model's tensors are whole.
        scale = delta.config.get("lora")
        if scale is not None and scale["alpha"] * lora.r != lora.alpha * scale["r"]:
            raise CheckpointError(
                f"its changes are scaled by {scale['alpha']:g}/{scale['r']}, the recipe's by "
                f"{lora.alpha:g}/{lora.r}",
                where=str(folder),
                cure="use the lora.alpha of the recipe that trained it",
            )
    initial = {
        part.prefix + name: tensor
        for part in models.values()
        for name, tensor in part.tensors.items()
    }
    trained = {task.counterpart(name): tensor for name, tensor in _tensors(models, deltas).items()}
    missing = sorted(name for name in trained.keys() - initial.keys() if ".lora_" in name)
    if missing or not trained.keys() & initial.keys():
        raise CheckpointError(
            f"changes '{(missing or sorted(trained))[0]}', which this task's model does not have",
            where=str(folder),
            cure="start from a training of the same base and kind of model",
        )
    load(
        model,
        {name: trained.get(name, tensor) for name, tensor in initial.items()},
        str(folder),
    )


def _read_deltas(models: Mapping[str, TrainedModel], folder: Path) -> dict[str, Delta]:
    return {name: read_delta(_folder(folder, name)) for name in models}


def _tensors(models: Mapping[str, TrainedModel], deltas: Mapping[str, Delta]) -> dict[str, Tensor]:
    """By their names in the model that is trained."""
    return {
        models[name].prefix + key: tensor
        for name, delta in deltas.items()
        for key, tensor in delta.tensors.items()
    }


def _folder(run: Path, name: str) -> Path:
    """Where a model lies: in a run under its name, in one of another name (a first stage) as its
    only model, or in the given folder itself."""
    models = trained_models(run)
    folders = [model for model in models if model.name == name] or models
    if len(folders) != 1:
        raise CheckpointError(
            f"no weights of '{name}'",
            where=str(run),
            cure="train them first, or name the folder that odqa train left",
        )
    return folders[0]
