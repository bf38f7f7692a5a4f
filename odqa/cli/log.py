"""``odqa log``: a finished run to a tracking server, later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.options import SAMPLE, Traces, TrackingUri
from odqa.cli.output import echo


def log(
    folder: Annotated[Path, typer.Argument(help="Run folder that odqa compare finished.")],
    mlflow: TrackingUri = None,
    traces: Traces = SAMPLE,
) -> None:
    """Log a run folder to MLflow."""
    from odqa.comparison.result import Comparison
    from odqa.tracking import log_comparison

    echo(log_comparison(Comparison.load(folder), folder, mlflow, traces=traces))
