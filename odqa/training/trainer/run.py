"""Train by a recipe, once or by cross-validation."""

from __future__ import annotations

from pathlib import Path

from odqa.training.load_recipe import load_recipe
from odqa.training.trainer.folds import train_by_folds
from odqa.training.trainer.run_recipe import train_recipe


def train(
    recipe_path: Path,
    out: Path,
    resume: bool = False,
    seed: int | None = None,
    folds: int | None = None,
    folds_of: Path | None = None,
) -> Path:
    """Run a recipe to its end and write what it trained.

    A kill at any point loses the steps since the last evaluation and nothing else: started again
    with ``resume``, the result is the same as without the kill, bit by bit on one machine.

    Args:
        recipe_path: the YAML file.
        out: folder of the run: ``checkpoints/``, one folder per trained model, and ``curve.json``,
            which is written last.
        resume: go on from the last whole checkpoint, if there is one.
        seed: in place of the recipe's, with the same questions held out, so that what two seeds
            reach can be compared.
        folds: in place of the recipe's: choose the number of steps by cross-validation.
        folds_of: run of the same recipe by another seed, whose folds choose here too.

    Returns:
        ``out``.

    Raises:
        SpecError: the recipe is wrong.
        DataError: its data is missing or broken.
        CheckpointError: the weights to start from are missing, or of other layers or rank.
        RunError: ``out`` holds another run and ``resume`` is not set, the recipe differs, another
            process trains there, ``out`` cannot be written, or the loss is no number.
    """
    recipe = load_recipe(recipe_path)
    if seed is not None:
        recipe = recipe.with_seed(seed)
    if folds is not None:
        data = recipe.data.model_copy(update={"folds": folds, "fold": None})
        recipe = recipe.model_copy(update={"data": data})
    if recipe.data.folds is not None and recipe.data.fold is None:
        return train_by_folds(recipe, out, resume, folds_of)
    return train_recipe(recipe, out, resume)
