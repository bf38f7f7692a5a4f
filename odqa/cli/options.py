"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

#: The data that ships with odqa.
EMBEDDED = "embedded"

Specs = Annotated[
    list[str] | None,
    typer.Argument(
        help="Spec files or names of built-in pipelines; without any, the embedded ones.",
        show_default=False,
    ),
]
Data = Annotated[
    str,
    typer.Option(
        "--data",
        "-d",
        help="embedded, a set by name (see odqa data), FOLDER/SPLIT, or a benchmark spec whose "
        "data to use.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Override a key of every spec with that stage: ranker.k=50. Repeatable."
    ),
]
Corpus = Annotated[
    str | None,
    typer.Option(
        "--corpus",
        help="Corpus of a question set that brings none: wiki18-100w, or a file of passages.",
        show_default=False,
    ),
]
CacheFolder = Annotated[
    Path | None,
    typer.Option("--cache", help="Where artifacts are kept (default $ODQA_CACHE, ~/.cache/odqa)."),
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Reuse nothing and keep nothing between runs.")
]


Grid = Annotated[
    list[str] | None,
    typer.Option(
        "--grid",
        help="Compare every combination of values of keys: ranker.k=[10,20,50], or "
        "'ranker=[null, colbert, {type: cross_encoder, k: 10}]'. Repeatable.",
        show_default=False,
    ),
]


class OracleStage(StrEnum):
    """The stages that an oracle may replace; typer needs an enumeration."""

    retriever = "retriever"


Oracle = Annotated[
    OracleStage | None,
    typer.Option("--oracle", help="Feed gold passages (qrels) to the stages after this one."),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name", help="Name of the comparison and of its run folder.", show_default=False
    ),
]
Out = Annotated[Path, typer.Option(help="Folder in which the run folder is made.")]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        "--mlflow",
        help="Tracking URI; default $MLFLOW_TRACKING_URI or sqlite:///mlflow.db; 'off': none.",
    ),
]
Explain = Annotated[
    int | None,
    typer.Option(
        "--explain",
        min=0,
        help="Questions for which to keep what rankers looked at (default 50); 0: none.",
        show_default=False,
    ),
]
Traces = Annotated[
    str,
    typer.Option(
        help="Per-question traces in MLflow: all, sample: N, failures, disagreements or none."
    ),
]
Metrics = Annotated[
    str | None,
    typer.Option(
        help="Metrics to show and test, most important first: em,equivalent,nDCG@20,R@100.",
        show_default=False,
    ),
]
SAMPLE = "sample: 20"
Take = Annotated[
    int | None, typer.Option("--take", min=1, help="Use only this many questions (the first).")
]
