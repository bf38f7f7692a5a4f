"""Train by a recipe, from scratch or from the last checkpoint."""

from __future__ import annotations

import json
import os
from pathlib import Path

from odqa.checkpoints.trained import RECIPE
from odqa.errors import RunError
from odqa.training.load_recipe import load_recipe


def train(
    recipe_path: Path,
    out: Path,
    resume: bool = False,
    mlflow: bool = False,
    seed: int | None = None,
) -> Path:
    """Run a recipe to its end and write what it trained.

    A kill at any point loses the steps since the last checkpoint and nothing else: started again
    with ``resume``, the result is the same as without the kill.

    Args:
        recipe_path: the YAML file.
        out: folder of the run: ``checkpoints/``, ``curve.json`` and one folder per trained model.
        resume: go on from the last checkpoint, if there is one.
        mlflow: log curves to MLflow.
        seed: in place of the recipe's, with the same questions held out, so that what two seeds
            reach can be compared.

    Returns:
        ``out``.

    Raises:
        SpecError: the recipe is wrong.
        DataError: its data is missing or broken.
        CheckpointError: the weights to start from are missing, or of other layers or rank.
        RunError: ``out`` holds another run and ``resume`` is not set, or the recipe differs.
    """
    recipe = load_recipe(recipe_path)
    if seed is not None:
        recipe = recipe.with_seed(seed)
    content = recipe.model_dump_json(exclude={"data": {"root", "mined"}, "start": True})
    recipe_copy = out / RECIPE
    checkpoints = out / "checkpoints"
    if recipe_copy.is_file():
        if not resume:
            raise RunError("holds a run already", where=str(out), cure="resume it or name another")
        if recipe_copy.read_text(encoding="utf-8") != content:
            raise RunError("was started with another recipe", where=str(out), cure="name another")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    from transformers import set_seed
    from transformers.trainer_utils import get_last_checkpoint

    from odqa.training.model.trained_weights import initialise_from
    from odqa.training.tasks import task_class
    from odqa.training.trainer.task_trainer import TaskTrainer, learning_curve

    task = task_class(recipe.task).load(recipe)
    set_seed(recipe.seed)
    model = task.build()
    if recipe.start is not None:
        initialise_from(task, model, recipe.start)
    out.mkdir(parents=True, exist_ok=True)
    recipe_copy.write_text(content, encoding="utf-8")
    trainer = TaskTrainer(task, model, checkpoints, report_to="mlflow" if mlflow else "none")
    checkpoint = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    trainer.train(resume_from_checkpoint=checkpoint)
    curve = learning_curve(trainer.state.log_history)
    (out / "curve.json").write_text(json.dumps(curve, indent=1), encoding="utf-8")
    for name, trained in task.trained(trainer.model).items():
        task.write(out / name, name, trained, curve)
    return out
