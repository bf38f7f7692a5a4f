"""``odqa mine``: hard negatives for a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from odqa.cli.options import CacheFolder
from odqa.cli.output import echo

# `odqa.interfaces` has it too, but loads pydantic, which `odqa --help` must not wait for.
Precision = Literal["auto", "float32", "bfloat16"]


def mine(
    recipe: Annotated[Path, typer.Argument(help="Recipe whose candidates to find.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run files (default: where it looks).")
    ] = None,
    retriever: Annotated[
        Literal["sentence", "bm25"], typer.Option(help="What searches.")
    ] = "sentence",
    checkpoint: Annotated[
        str, typer.Option(help="Sentence encoder that searches.")
    ] = "embedded:minilm",
    depth: Annotated[int, typer.Option(min=1, help="Hits per question.")] = 100,
    true_negatives: Annotated[
        bool, typer.Option(help="Leave out gold passages and those that hold an accepted answer.")
    ] = False,
    precision: Annotated[
        Precision,
        typer.Option(help="Of the encoder; bfloat16 is faster where the processor computes in it."),
    ] = "auto",
    cache: CacheFolder = None,
) -> None:
    """Write one TREC run per data source of a recipe."""
    from odqa.cache import Cache
    from odqa.training.data.mining import mine_hard_negatives as run

    for path in run(
        recipe,
        out,
        retriever=retriever,
        checkpoint=checkpoint,
        depth=depth,
        true_negatives_only=true_negatives,
        precision=precision,
        cache=Cache(cache),
    ):
        echo(path)
