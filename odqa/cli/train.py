"""``odqa train``: make weights from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.output import echo


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe, such as eval/recipes/colbert.yaml.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run (default training/NAME, NAME-SEED).")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="In place of the recipe's; the same questions are held out."),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Choose the number of steps by this many folds (data.folds)."),
    ] = None,
    folds_of: Annotated[
        Path | None,
        typer.Option(help="Run of the recipe by another seed, whose folds choose here too."),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
    mlflow: Annotated[
        bool, typer.Option(help="Log the curve to $MLFLOW_TRACKING_URI when it has ended.")
    ] = False,
) -> None:
    """Train what a recipe says; killed, it goes on with --resume to the same result."""
    from odqa.training.trainer.run import train as run

    name = recipe.stem if seed is None else f"{recipe.stem}-{seed}"
    if mlflow:
        from odqa.tracking import log_training, tracking_seconds

        tracking_seconds()  # refuse a wrong value before the work
    folder = run(recipe, out or Path("training") / name, resume, seed, folds, folds_of)
    echo(folder)
    if mlflow:
        echo(f"MLflow: {log_training(folder)}")
