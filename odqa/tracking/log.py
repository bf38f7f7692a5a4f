"""Send a finished comparison or training to MLflow, and never fail or wait because of MLflow."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from odqa.comparison.run_files import refuse_links_out
from odqa.errors import EnvironmentProblem, RunError
from odqa.escapes import mask_passwords
from odqa.tracing import DEFAULT_POLICY, TracePolicy
from odqa.tracking.payload import (
    Payload,
    TraceBatch,
    comparison_payload,
    trace_batches,
    training_payload,
)
from odqa.tracking.process import send

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

#: In the working folder; MLflow no longer supports its file store.
DEFAULT_URI = "sqlite:///mlflow.db"
#: Variable with the seconds that logging may take, and its default.
SECONDS, DEFAULT_SECONDS = "ODQA_MLFLOW_SECONDS", 60.0
#: What comes on top: bytes, and traces, that get a second more.
_BYTES_A_SECOND, _TRACES_A_SECOND = 1e6, 20


@dataclass(frozen=True, slots=True)
class TrackingOutcome:
    """What came of logging: one line for the terminal (``str``), and whether all is stored."""

    line: str
    complete: bool = True

    def __str__(self) -> str:
        return self.line


def tracking_target(uri: str | None = None) -> str | None:
    """Where to log: the argument, else ``MLFLOW_TRACKING_URI``, else `DEFAULT_URI`; `None`: off."""
    target = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    return None if target == "off" else target


def tracking_seconds() -> float:
    """How long logging may take once MLflow is loaded: ``ODQA_MLFLOW_SECONDS`` or 60.

    A second more is added for every megabyte of files and for every 20 traces. To load MLflow and
    to make a new SQLite store takes seconds, and two minutes at most.

    Raises:
        EnvironmentProblem: the variable is no positive number.
    """
    text = os.environ.get(SECONDS) or str(DEFAULT_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise EnvironmentProblem(
            f"'{text}' is no number of seconds", where=SECONDS, cure="set it to 60, or unset it"
        )
    return seconds


def log_comparison(
    comparison: Comparison,
    folder: Path,
    tracking_uri: str | None = None,
    *,
    traces: TracePolicy | str = DEFAULT_POLICY,
) -> TrackingOutcome:
    """Log a comparison: parent run, a child per pipeline, artifacts, traces.

    What was logged before is recognised and not logged again; what was interrupted is completed.

    Args:
        folder: its finished run folder.
        tracking_uri: any MLflow tracking URI, ``"off"``, or `None` for the environment's.
        traces: which questions become traces; see `odqa.tracing.TracePolicy`.

    Returns:
        Where and under which run id, ``"off"``, or a warning with the error. Errors of MLflow
        never propagate, and after `tracking_seconds` it is left alone: the results are in
        ``folder``.

    Raises:
        SpecError: ``traces`` is no policy.
        EnvironmentProblem: see `tracking_seconds`. RunError: the folder holds a link out of it.
    """
    policy, seconds = TracePolicy.parse(traces), tracking_seconds()
    refuse_links_out(folder)
    uri = tracking_target(tracking_uri)
    if uri is None:
        return TrackingOutcome("off")
    questions = policy.questions(comparison)
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or f"odqa/{comparison.name}"
    count = len(questions) * len(comparison.pipelines)
    payload = comparison_payload(comparison, folder, uri, experiment, count)
    return _send(payload, trace_batches(comparison, questions), seconds, f"odqa log {folder}")


def log_training(folder: Path, tracking_uri: str | None = None) -> TrackingOutcome:
    """Log the learning curve of a training that has ended, its recipe and cards.

    Args:
        folder: of the training.
        tracking_uri: as for `log_comparison`; so are result and errors.
    """
    uri, seconds = tracking_target(tracking_uri), tracking_seconds()
    if uri is None:
        return TrackingOutcome("off")
    try:
        payload = training_payload(folder, uri, os.environ.get("MLFLOW_EXPERIMENT_NAME"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"no finished training ({type(error).__name__})",
            where=str(folder),
            cure="end it with odqa train --resume",
        ) from error
    return _send(payload, (), seconds, "odqa train --resume --mlflow")


def _send(
    payload: Payload, batches: Iterable[TraceBatch], seconds: float, later: str
) -> TrackingOutcome:
    size = payload.parent.bytes + sum(run.bytes for run in payload.children.values())
    allowed = seconds + size // _BYTES_A_SECOND + payload.traces // _TRACES_A_SECOND
    sent = send(payload, batches, allowed)
    place = mask_password(payload.uri)
    error = sent.error.replace(payload.uri, place)
    if not sent.runs_are_complete:
        what = "not logged" if sent.parent is None else "not all logged"
        run = "" if sent.parent is None else f", run {sent.parent}"
        return TrackingOutcome(f"warning: {what} to {place}{run} ({error}); later: {later}", False)
    line = f"{place}, run {sent.parent}"
    if not error and sent.traces != payload.traces:
        error = f"{sent.traces} of {payload.traces} traces were stored"
    if error:
        return TrackingOutcome(
            f"{line}, warning: traces are missing ({error}); later: {later}", False
        )
    if payload.traces:
        line += f", {payload.traces} traces"
    return TrackingOutcome(line if sent.is_new else f"{line}, logged before")


def mask_password(uri: str) -> str:
    """The URI with its password, if any, replaced by ``…``; so is a token in a user's place."""
    password = urlsplit(uri).password
    return uri.replace(f":{password}@", ":…@") if password else mask_passwords(uri)
