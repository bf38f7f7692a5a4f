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
    """Log a run folder to MLflow, or complete what was interrupted; 2 where not all is logged."""
    from odqa.comparison.result import Comparison
    from odqa.errors import RunError
    from odqa.tracking import log_comparison

    outcome = log_comparison(Comparison.load(folder), folder, mlflow, traces=traces)
    if not outcome.complete:
        raise RunError(outcome.line.removeprefix("warning: "))
    echo(outcome)
