"""Models trained by ``odqa train`` as checkpoints: a researcher's own weights in a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from odqa.checkpoints.build import materialise_delta
from odqa.checkpoints.delta import WEIGHTS, read_delta
from odqa.errors import CheckpointError

if TYPE_CHECKING:
    from odqa.cache import Cache

# Written when a training starts; its models are written when it ends.
RECIPE = "recipe.json"
# The learning curve, written after the models: the training has ended.
CURVE = "curve.json"


def trained_models(folder: Path) -> list[Path]:
    """Model folders of a training run that has ended, sorted by name; of a model's folder, the
    folder itself."""
    if (folder / WEIGHTS).is_file():
        return [folder]
    if (folder / RECIPE).is_file() and not (folder / CURVE).is_file():
        return []
    return sorted(path.parent for path in folder.glob(f"*/{WEIGHTS}"))


def is_trained(folder: Path) -> bool:
    """Whether a folder is a training run or one model of it, not an ordinary checkpoint."""
    return bool(trained_models(folder)) or (folder / RECIPE).is_file()


def materialise_trained(folder: Path, cache: Cache | None = None) -> Path:
    """Checkpoint folder of trained weights; built on first use, then taken from the cache.

    Args:
        folder: of a training run with one model, or of one model of a run.
        cache: where the checkpoint is stored; default: the user's cache.

    Raises:
        CheckpointError: no finished training, one with several models, or damaged files.
        CacheError: the cache cannot be written.
    """
    models = trained_models(folder)
    if not models:
        has_started = (folder / RECIPE).is_file()
        raise CheckpointError(
            "a training that has not ended" if has_started else "not what odqa train left",
            where=str(folder),
            cure="end it with odqa train --resume"
            if has_started
            else "name the folder of a training",
        )
    if len(models) > 1:
        raise CheckpointError(
            f"a training of {len(models)} models",
            where=str(folder),
            cure=f"name one: {', '.join(str(model) for model in models)}",
        )
    delta = read_delta(models[0])
    identity = {"config": dict(delta.config), "format": 1}
    try:
        return materialise_delta(delta, identity, cache)
    except CheckpointError as error:
        where = error.where or str(models[0])
        raise CheckpointError(error.what, where=where, cure=error.cure) from error
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        # The checksum covers the weights alone: the other files may have been edited.
        raise CheckpointError(
            f"its config.json does not fit its weights ({type(error).__name__}: {error})",
            where=str(models[0]),
            cure="train it again",
        ) from error
