"""``odqa teach``: scores of a trained ranker or of a reader, to distil into others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from odqa.cli.options import CacheFolder
from odqa.cli.output import echo


def teach(
    recipe: Annotated[
        Path,
        typer.Argument(
            help="Recipe of a cross-encoder or a RETRO ranker: the teacher's. For a reader's "
            "scores, any recipe with questions and candidates, such as the pupil's."
        ),
    ],
    weights: Annotated[
        str,
        typer.Argument(
            help="Folder that odqa train left, or embedded:NAME; for attention and likelihood any "
            "T5 or BART, embedded:fid say; for span any extractive reader, such as embedded:reader."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Run file to write (default: teacher-NAME.run, of a reader teacher-SCORE.run, "
            "where recipes look)."
        ),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="Candidates per question.")] = 24,
    source: Annotated[
        list[str] | None, typer.Option(help="Data source of the recipe (default nq). Repeatable.")
    ] = None,
    score: Annotated[
        Literal["ranking", "attention", "likelihood", "span"],
        typer.Option(
            help="ranking: a ranker's. attention: a reader's cross-attention to each passage, read "
            "together as Fusion-in-Decoder. likelihood: log p(answer | question, passage). span: "
            "the same of an extractive reader, as in REALM."
        ),
    ] = "ranking",
    cache: CacheFolder = None,
) -> None:
    """Score gold passages and candidates of training questions: data.teacher of other recipes.

    Interrupted, it goes on where it stopped.
    """
    from odqa.training.load_recipe import load_recipe

    parsed_recipe = load_recipe(recipe)
    name = parsed_recipe.name if score == "ranking" else score
    target = out or parsed_recipe.data.mined / f"teacher-{name}.run"
    sources = tuple(source or ("nq",))
    if score == "ranking":
        from odqa.checkpoints.embedded import model_dir
        from odqa.training.trainer.teacher_scores import write_teacher_scores

        embedded = weights.startswith("embedded:")
        folder = model_dir(weights.removeprefix("embedded:")) if embedded else Path(weights)
        echo(write_teacher_scores(recipe, folder, target, depth, sources))
    else:
        from odqa.cache import Cache
        from odqa.training.trainer.reader_scores import write_reader_scores

        echo(write_reader_scores(recipe, weights, target, score, Cache(cache), depth, sources))
