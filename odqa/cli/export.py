"""``odqa export``: results of a finished run in formats that other tools read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.options import CacheFolder
from odqa.cli.output import echo


class StageOfHits(StrEnum):
    """The stage whose hits to export; typer needs an enumeration."""

    retrieved = "retrieved"
    ranked = "ranked"


def export(
    folder: Annotated[Path, typer.Argument(help="Run folder that odqa compare finished.")],
    form: Annotated[str, typer.Option("--format", help="trec, qrels, dpr, squad or nq-open.")],
    to: Annotated[
        Path, typer.Option("--to", help="Folder, or (with a suffix) the file of one pipeline.")
    ],
    pipelines: Annotated[
        list[str] | None, typer.Option("--pipeline", "-p", help="Only this one. Repeatable.")
    ] = None,
    stage: Annotated[
        StageOfHits, typer.Option(help="Whose passages trec and dpr hold.")
    ] = StageOfHits.ranked,
    k: Annotated[int | None, typer.Option("--k", min=1, help="How many of them.")] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", "-d", help="Data of the run, for texts that dpr needs beyond it."),
    ] = None,
    cache: CacheFolder = None,
) -> None:
    """Write TREC runs and qrels, DPR's retrieval results, SQuAD or NQ-open predictions."""
    from odqa.comparison.export import ExportOptions
    from odqa.comparison.export import export as write
    from odqa.comparison.result import Comparison

    run = Comparison.load(folder)
    corpus = None
    if data is not None:
        from odqa.api import open_dataset
        from odqa.cache import Cache
        from odqa.errors import DataError

        corpus = open_dataset(data, Cache(cache)).corpus
        if corpus.fingerprint != run.manifest.get("dataset", {}).get("corpus"):
            raise DataError(
                f"{data} has other passages than the run",
                where="--data",
                cure="name the data that it was run on",
            )
    for path in write(run, form, to, ExportOptions(tuple(pipelines or ()), stage.value, k, corpus)):
        echo(path)
