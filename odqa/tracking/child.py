"""The process that talks to MLflow: its parent can end it at any moment, and does when it is late.

It reads a `Payload` and then batches of traces (`None` ends them) as pickles from its standard
input, and writes events as lines of JSON to its standard output: ``{"ready": true}``,
``{"parent": id}``, and at last ``{"stored": n, "new": bool}``, with ``"traces_error"`` where only
traces failed, or ``{"error": line}``.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from odqa.errors import OdqaError
from odqa.escapes import mask_passwords, one_line

if TYPE_CHECKING:
    from odqa.tracking.payload import Payload, TraceBatch

#: Where artifacts of a local database go.
ARTIFACTS = "mlartifacts"
_MEANINGS = {
    "Max retries exceeded": "no server answers there",
    "IncompleteRead": "the server broke off",
    "RemoteDisconnected": "the server broke off",
    "Connection reset": "the server broke off",
    "Read timed out": "the server does not answer",
    "Expecting value": "what answers there is no MLflow server",
    "JSONDecodeError": "what answers there is no MLflow server",
    "response body was not in a valid JSON": "what answers there is no MLflow server",
    "filesystem tracking backend": "MLflow writes no file stores any more, use sqlite:///FILE",
    "database is locked": "another process has locked the database",
    "readonly database": "the database cannot be written",
    "disk is full": "the disk is full",
}
#: Characters of another library's error message at most.
_LONGEST = 160


def main(seconds: float) -> NoReturn:
    """Read, log, report, and end without waiting for threads of MLflow.

    Args:
        seconds: after which it stops talking to a server in any case, should its parent be gone.
    """
    # Whatever a library prints must not come between the events.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(**event: object) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    try:
        import mlflow.tracking  # noqa: F401

        from odqa.tracking.store import open_store

        source = sys.stdin.buffer
        payload: Payload = pickle.load(source)
        with _alone(payload.identity):
            # Processes of this machine and a new database are waited for, servers are not.
            open_store(payload.uri)
            tell(ready=True)
            timer = threading.Timer(seconds, os._exit, (1,))
            timer.daemon = True
            timer.start()
            _log(payload, _batches(source), tell)
    # Stores, drivers and servers raise errors of many types; each becomes a line.
    except BaseException as error:
        with suppress(OSError):
            tell(error=short(error))
    finally:
        os._exit(0)


def _log(payload: Payload, batches: Iterator[TraceBatch], tell: Callable[..., None]) -> None:
    from mlflow.tracking import MlflowClient

    from odqa.tracking.runs import RunLog, open_experiment
    from odqa.tracking.traces import send_traces

    client = MlflowClient(tracking_uri=payload.uri)
    is_local = payload.uri.startswith("sqlite:")
    artifacts = Path(ARTIFACTS).absolute().as_uri() if is_local else None
    experiment = open_experiment(client, payload.experiment, artifacts)
    log = RunLog(client, experiment, payload)
    log.log(lambda parent: tell(parent=parent))
    try:
        stored, sent = send_traces(client, experiment, log.children, batches)
    # The runs are stored: report them, and that the traces are missing.
    except Exception as error:
        tell(stored=0, new=True, traces_error=short(error))
    else:
        tell(stored=stored, new=log.is_new or sent)


def _batches(source: IO[bytes]) -> Iterator[TraceBatch]:
    while (batch := pickle.load(source)) is not None:
        yield batch


@contextmanager
def _alone(identity: str) -> Iterator[None]:
    """Let processes of this machine that log the same do so one after the other."""
    from filelock import FileLock

    user = os.getuid() if hasattr(os, "getuid") else ""
    path = Path(tempfile.gettempdir()) / f"odqa-log-{user}-{identity[:16]}.lock"
    with FileLock(path):
        try:
            yield
        finally:
            # One that waits for the removed file may go on beside one that makes a new one; both
            # will see the runs that are finished now.
            path.unlink(missing_ok=True)


def short(error: BaseException) -> str:
    """An error as part of a line."""
    if isinstance(error, OdqaError):
        return str(error)
    for fragment, meaning in _MEANINGS.items():
        if fragment in f"{type(error).__name__}: {error}":
            return meaning
    # Drivers repeat the address that they were given.
    line = one_line(mask_passwords(str(error))) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
