"""Send a finished comparison to MLflow, and never fail because of MLflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from odqa.comparison.run_files import refuse_links_out
from odqa.errors import OdqaError
from odqa.escapes import mask_passwords, one_line
from odqa.tracing import DEFAULT_POLICY, TracePolicy
from odqa.tracking.session import quiet_session

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

#: In the working folder; MLflow no longer supports its file store.
DEFAULT_URI = "sqlite:///mlflow.db"
#: Where artifacts of a local database go.
ARTIFACTS = "mlartifacts"
_MEANINGS = {
    "Max retries exceeded": "no server answers there",
    "filesystem tracking backend": "MLflow writes no file stores any more, use sqlite:///FILE",
}
#: Characters of another library's error message at most.
_LONGEST = 160


def tracking_target(uri: str | None = None) -> str | None:
    """Where to log: the argument, else ``MLFLOW_TRACKING_URI``, else `DEFAULT_URI`; `None`: off."""
    target = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    return None if target == "off" else target


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
        One line for the terminal: where and under which run id, ``"off"``, or a warning with the
        error. Tracking errors never propagate: the results are in ``folder``.

    Raises:
        SpecError: ``traces`` is no policy.
        RunError: MLflow reported no error, but did not store all traces; or the folder holds a link
            that leads out of it.
    """
    policy = TracePolicy.parse(traces)
    refuse_links_out(folder)
    uri = tracking_target(tracking_uri)
    if uri is None:
        return "off"
    try:
        with quiet_session():
            return _log(comparison, folder, uri, policy)
    except OdqaError:
        raise
    # Stores, drivers and servers raise errors of many types; none may fail a finished run.
    except Exception as error:
        return (
            f"warning: not logged to {mask_password(uri)} ({_short(error)}); "
            f"later: odqa log {folder}"
        )


def _log(comparison: Comparison, folder: Path, uri: str, policy: TracePolicy) -> str:
    from mlflow.tracking import MlflowClient

    from odqa.tracking.runs import log_runs, open_experiment
    from odqa.tracking.traces import MlflowTracer

    client = MlflowClient(tracking_uri=uri)
    artifacts = Path(ARTIFACTS).absolute().as_uri() if uri.startswith("sqlite:") else None
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or f"odqa/{comparison.name}"
    experiment = open_experiment(client, name, artifacts)
    parent, children = log_runs(client, experiment, comparison, folder)
    place = f"{mask_password(uri)}, run {parent}"
    questions = policy.questions(comparison)
    if not questions:
        return place
    try:
        count = MlflowTracer(client, experiment, children).send(comparison, questions)
    # The runs are stored: report them, and that the traces are missing.
    except Exception as error:
        return f"{place}, warning: no traces ({_short(error)})"
    count.check(mask_password(uri))
    return f"{place}, {count.stored} traces"


def mask_password(uri: str) -> str:
    """The URI with its password, if any, replaced by ``…``; so is a token in a user's place."""
    password = urlsplit(uri).password
    return uri.replace(f":{password}@", ":…@") if password else mask_passwords(uri)


def _short(error: Exception) -> str:
    for fragment, meaning in _MEANINGS.items():
        if fragment in str(error):
            return meaning
    # Drivers repeat the address that they were given.
    line = one_line(mask_passwords(str(error))) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
