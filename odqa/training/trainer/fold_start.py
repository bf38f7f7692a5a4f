"""What a fold starts from: weights that have not seen the questions it validates.

Weights that were trained on these questions know which passages answer them, and the fold's figures
say so: a cross-encoder that started from a reader gained 0.05 in R@1 on its fold and nothing on
other questions.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from odqa.checkpoints.trained import RECIPE
from odqa.errors import RunError
from odqa.training.data.training_data import NQ
from odqa.training.recipes import Recipe

_LOG = logging.getLogger(__name__)


def start_of_fold(recipe: Recipe) -> Path | None:
    """The same fold of what a recipe starts from, or all of it if it did not see the questions.

    Args:
        recipe: of one fold. A start that says nothing of its training is taken, with a warning.

    Raises:
        RunError: the start was trained on the questions, and has no such fold.
    """
    start, data = recipe.start, recipe.data
    if start is None:
        return None
    like = _trained_by(start / "folds" / str(data.fold))
    if like is not None and _split(like) == _split(recipe):
        return start / "folds" / str(data.fold)
    whole = _trained_by(start) or _trained_by(start.parent)
    if whole is None:
        _LOG.warning(
            "%s does not say what it was trained on: if on the questions of %s, figures of folds "
            "flatter",
            start,
            recipe.name,
        )
    elif whole.data.questions == data.questions and whole.data.weights.get(NQ, 0) > 0:
        raise RunError(
            f"was trained on the questions that fold {data.fold} validates",
            where=str(start),
            cure=f"train it by the same {data.folds} folds and held_out_seed first",
        )
    return start


def _split(recipe: Recipe) -> tuple[object, ...]:
    """What decides which questions a fold validates."""
    data = recipe.data
    return data.questions, data.folds, data.fold, recipe.split_seed


def _trained_by(run: Path) -> Recipe | None:
    """The recipe that a run folder keeps; its data lie where they lay."""
    try:
        content: dict[str, Any] = json.loads((run / RECIPE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    content["data"] |= {"root": ".", "mined": "."}
    return Recipe.model_validate(content)
