"""``odqa run``: one pipeline over one question set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.options import (
    SAMPLE,
    CacheFolder,
    Corpus,
    Data,
    Explain,
    NoCache,
    Oracle,
    Out,
    Set,
    Take,
    Traces,
    TrackingUri,
)


def run(
    spec: Annotated[str, typer.Argument(help="Spec file or name of a built-in pipeline.")],
    data: Data = "embedded",
    set_: Set = None,
    take: Take = None,
    explain: Explain = None,
    out: Out = Path("runs"),
    mlflow: TrackingUri = None,
    traces: Traces = SAMPLE,
    cache: CacheFolder = None,
    no_cache: NoCache = False,
    oracle: Oracle = None,
    corpus: Corpus = None,
) -> None:
    """Run one pipeline, score it, and write its run folder (compare folders later)."""
    from odqa.cli.compare import compare

    compare(
        [spec],
        data,
        set_,
        None,
        take,
        0,
        explain,
        out,
        mlflow,
        traces,
        cache,
        no_cache,
        oracle,
        corpus=corpus,
    )
