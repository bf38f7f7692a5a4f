"""Send a finished comparison to MLflow, and never fail because of MLflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from odqa.errors import OdqaError
from odqa.tracing import DEFAULT_POLICY, TracePolicy
from odqa.tracking.session import quiet_session

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

#: Beside the working folder's other files; MLflow's file store is no longer to be had.
DEFAULT_URI = "sqlite:///mlflow.db"
#: Where artifacts of a local database go.
ARTIFACTS = "mlartifacts"
_KNOWN = {
    "Max retries exceeded": "no server answers there",
    "filesystem tracking backend": "MLflow writes no file stores any more, use sqlite:///FILE",
}
#: How long a line of a foreign error may be.
_LONGEST = 160


def tracking_target(uri: str | None = None) -> str | None:
    """Where to log: the argument, else ``MLFLOW_TRACKING_URI``, else `DEFAULT_URI`; `None`: off."""
    chosen = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    return None if chosen == "off" else chosen


def log_comparison(
    comparison: Comparison,
    folder: Path,
    tracking_uri: str | None = None,
    *,
    traces: TracePolicy | str = DEFAULT_POLICY,
) -> str:
    """Log a comparison: parent run, a child per pipeline, artifacts, traces.

    Args:
        folder: its finished run folder.
        tracking_uri: any MLflow tracking URI, ``"off"``, or `None` for the environment's.
        traces: which questions become traces; see `odqa.tracing.TracePolicy`.

    Returns:
        One line for the terminal: where and under which run id, ``"off"``, or a warning that says
        what went wrong. Tracking errors never propagate: the results are in ``folder``.

    Raises:
        SpecError: ``traces`` is no policy.
        RunError: MLflow said it stored the traces, but not all of them are there.
    """
    policy = TracePolicy.parse(traces)
    uri = tracking_target(tracking_uri)
    if uri is None:
        return "off"
    try:
        with quiet_session():
            return _log(comparison, folder, uri, policy)
    except OdqaError:
        raise
    # Whatever a store, a driver or a server may raise: the run is done and must stay so.
    except Exception as error:
        return f"warning: not logged to {public(uri)} ({_short(error)}); later: odqa log {folder}"


def _log(comparison: Comparison, folder: Path, uri: str, policy: TracePolicy) -> str:
    from mlflow.tracking import MlflowClient

    from odqa.tracking.runs import log_runs, open_experiment
    from odqa.tracking.traces import MlflowTracer

    client = MlflowClient(tracking_uri=uri)
    artifacts = Path(ARTIFACTS).absolute().as_uri() if uri.startswith("sqlite:") else None
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or f"odqa/{comparison.name}"
    experiment = open_experiment(client, name, artifacts)
    parent, children = log_runs(client, experiment, comparison, folder)
    done = f"{public(uri)}, run {parent}"
    questions = policy.questions(comparison)
    if not questions:
        return done
    try:
        count = MlflowTracer(client, experiment, children).send(comparison, questions)
    # The runs are there: say so, and what is missing.
    except Exception as error:
        return f"{done}, warning: no traces ({_short(error)})"
    count.check(public(uri))
    return f"{done}, {count.stored} traces"


def public(uri: str) -> str:
    """The URI without the password that it may carry."""
    password = urlsplit(uri).password
    return uri.replace(f":{password}@", ":…@") if password else uri


def _short(error: Exception) -> str:
    for sign, meaning in _KNOWN.items():
        if sign in str(error):
            return meaning
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
