"""``odqa teach``: scores of a trained ranker, to distil into others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.output import echo


def teach(
    recipe: Annotated[
        Path, typer.Argument(help="Recipe of a cross-encoder or a RETRO ranker: the teacher's.")
    ],
    weights: Annotated[str, typer.Argument(help="Folder that odqa train left, or embedded:NAME.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Run file to write (default: teacher-NAME.run, where recipes look)."),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="Candidates per question.")] = 24,
    source: Annotated[
        list[str] | None, typer.Option(help="Data source of the recipe (default nq). Repeatable.")
    ] = None,
) -> None:
    """Score gold passages and candidates of training questions: data.teacher of other recipes.

    Interrupted, it goes on where it stopped.
    """
    from odqa.checkpoints.embedded import delta_dir
    from odqa.training.load_recipe import load_recipe
    from odqa.training.trainer.teacher_scores import write_teacher_scores as score

    embedded = weights.startswith("embedded:")
    folder = delta_dir(weights.removeprefix("embedded:")) if embedded else Path(weights)
    parsed_recipe = load_recipe(recipe)
    target = out or parsed_recipe.data.mined / f"teacher-{parsed_recipe.name}.run"
    echo(score(recipe, folder, target, depth, tuple(source or ("nq",))))
