"""``odqa bits``: a RETRO language model with retrieval on, off, and with random neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.output import echo


def bits(
    recipe: Annotated[Path, typer.Argument(help="Recipe of task retro-lm.")],
    run: Annotated[
        Path | None, typer.Argument(help="Folder that odqa train left (default training/NAME).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the table and its rows (default: of the run).")
    ] = None,
) -> None:
    """Bits per byte on the held-out passages of a trained RETRO language model."""
    from odqa.training.trainer.bits_per_byte import evaluate_run, save, to_markdown

    folder = run or Path("training") / recipe.stem
    result = evaluate_run(recipe, folder)
    table = save(result, out or folder)
    echo(to_markdown(result))
    echo(table)
