"""Cross-validation: how many steps, by the mean learning curve over folds of the questions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

from odqa.checkpoints.trained import CURVE, RECIPE
from odqa.errors import RunError, SpecError
from odqa.training.recipes import Recipe
from odqa.training.trainer.fold_start import start_of_fold
from odqa.training.trainer.run_recipe import recipe_content, train_recipe

#: Stands behind a figure's name for the standard error of its mean over folds.
SPREAD = " se"
_FOLDS = "folds"

#: Learning curve of one fold: a row for each evaluation, ``step`` and figures.
Curve = Sequence[Mapping[str, float]]


def train_by_folds(
    recipe: Recipe, out: Path, resume: bool = False, folds_of: Path | None = None
) -> Path:
    """Choose the number of steps by cross-validation, then train on all questions.

    Every question of the data is validated once, by a training that did not see it: where the
    recipe starts from a run with the same folds, each fold from its like. The folds lie in
    ``OUT/folds/N``; one that has ended is not trained again.

    Args:
        recipe: with ``data.folds``, their number.
        out: folder of the run, as `odqa.training.train` leaves it; ``curve.json`` is the mean
            curve over folds, with standard errors.
        resume: go on where it was stopped.
        folds_of: folder of a run of the same recipe by another seed, whose folds choose here too.

    Returns:
        ``out``.

    Raises:
        SpecError: the recipe has no questions.
        RunError: the base model is as good as what training gives, or ``folds_of`` is not a run
            of this recipe; and what `train` raises.
    """
    from odqa.training.tasks import task_class

    folds = recipe.data.folds
    if folds is None or recipe.data.questions is None:
        raise SpecError(
            "folds are made of questions, of which it has none",
            where=recipe.name,
            cure="name data.questions, or leave folds out",
        )
    if folds_of is None:
        cross_validate(recipe, out, folds, resume)
    else:
        _check_folds(recipe, folds_of, folds)
    found = curves(folds_of or out, folds)
    metric = task_class(recipe.task).metric
    curve = mean_curve(found)
    steps = int(curve[chosen_row(found, metric)]["step"])
    if steps == 0:
        raise RunError(
            f"{metric} is no better than before the first step in any number of steps, by more "
            "than chance",
            where=str(out),
            cure="keep what it starts from, or change the recipe",
        )
    return train_recipe(recipe.on_all(steps, folds), out, resume, chosen_by=curve)


def cross_validate(recipe: Recipe, out: Path, folds: int, resume: bool) -> None:
    """Train every fold to the last step, in ``OUT/folds/N``."""
    for fold in range(1, folds + 1):
        folder = out / _FOLDS / str(fold)
        if not (folder / CURVE).is_file():
            part = recipe.in_fold(fold, folds)
            start = start_of_fold(part)
            train_recipe(part.model_copy(update={"start": start}), folder, resume)
        elif not resume:
            raise RunError(
                "holds a fold that has ended", where=str(folder), cure="go on with --resume"
            )


def curves(out: Path, folds: int) -> list[list[dict[str, float]]]:
    """The learning curve of each fold of a run.

    Raises:
        RunError: a fold is missing or has not ended.
    """
    found = []
    for fold in range(1, folds + 1):
        file = out / _FOLDS / str(fold) / CURVE
        if not file.is_file():
            raise RunError(
                "not a fold that has ended", where=str(file.parent), cure="train it first"
            )
        found.append(json.loads(file.read_text(encoding="utf-8")))
    return found


def _check_folds(recipe: Recipe, out: Path, folds: int) -> None:
    """That the first fold of a run was trained by this recipe, whatever its seed."""
    file = out / _FOLDS / "1" / RECIPE
    content = file.read_text(encoding="utf-8") if file.is_file() else "{}"
    expected = json.loads(recipe_content(recipe.in_fold(1, folds)))
    found = json.loads(content)
    if {**found, "seed": 0} != {**expected, "seed": 0}:
        raise RunError(
            "holds no folds of this recipe", where=str(out), cure="name the run that has them"
        )


def mean_curve(curves: Sequence[Curve]) -> list[dict[str, float]]:
    """Mean over folds of every figure, and as ``NAME se`` its standard error, row by row."""
    mean = []
    for rows in zip(*curves, strict=True):
        row = {"step": rows[0]["step"]}
        for name in rows[0]:
            if name != "step":
                values = [of[name] for of in rows]
                row[name] = fmean(values)
                row[name + SPREAD] = stdev(values) / len(values) ** 0.5
        mean.append(row)
    return mean


def chosen_row(curves: Sequence[Curve], metric: str) -> int:
    """The first row that the best one does not lead by more than the lead's standard error.

    The lead is taken fold by fold, so that what makes a fold's questions hard does not count; of
    two numbers of steps that cannot be told apart, the smaller changes the base model less.
    """
    values = [[row[metric] for row in curve] for curve in curves]
    means = [fmean(column) for column in zip(*values, strict=True)]
    best = max(range(len(means)), key=means.__getitem__)
    for row in range(best):
        leads = [fold[best] - fold[row] for fold in values]
        if fmean(leads) <= stdev(leads) / len(leads) ** 0.5:
            return row
    return best
