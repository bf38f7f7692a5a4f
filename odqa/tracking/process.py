"""Run the process that talks to MLflow, and end it when its time is over."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from odqa.tracking.payload import Payload, TraceBatch

#: Seconds in which Python and MLflow are loaded, a new SQLite store is made, and processes that log
#: the same have ended: before anything is sent.
_START_SECONDS = 120.0
#: Variables that MLflow reads, where users have not set them: its defaults retry a server that
#: is down for minutes.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
#: Variables that are always set: MLflow's queue would drop traces silently when it is full.
_ALWAYS = {
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # The folder in which a user works is no place to import from.
    "PYTHONSAFEPATH": "1",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of it.

    Attributes:
        parent: run id of the parent; `None` where there is none.
        traces: how many of the traces are stored.
        is_new: whether anything had to be sent.
        error: why not all was logged; empty where all was.
        runs_are_complete: whether only traces are missing.
    """

    parent: str | None = None
    traces: int = 0
    is_new: bool = True
    error: str = ""
    runs_are_complete: bool = False


def send(payload: Payload, batches: Iterable[TraceBatch], seconds: float) -> Sent:
    """Log a payload in a process of its own.

    Args:
        seconds: how long it may take, once MLflow is loaded and its store is there.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", f"from odqa.tracking.child import main; main({seconds + 5})"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )
    try:
        events: Queue[dict[str, Any] | None] = Queue()
        for work, values in ((_feed, (payload, batches)), (_read, (events,))):
            threading.Thread(target=work, args=(child, *values), daemon=True).start()
        return _outcome(events, seconds)
    finally:
        child.kill()
        child.wait()


def _environment() -> dict[str, str]:
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return _DEFAULTS | os.environ | _ALWAYS | {"PYTHONPATH": path}


def _feed(child: subprocess.Popen[bytes], payload: Payload, batches: Iterable[TraceBatch]) -> None:
    assert child.stdin is not None
    # A write fails when the child has ended.
    with suppress(OSError), child.stdin as pipe:
        pickle.dump(payload, pipe)
        for batch in batches:
            pickle.dump(batch, pipe)
        pickle.dump(None, pipe)


def _read(child: subprocess.Popen[bytes], events: Queue[dict[str, Any] | None]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        events.put(json.loads(line))
    events.put(None)


def _outcome(events: Queue[dict[str, Any] | None], seconds: float) -> Sent:
    parent: str | None = None
    limit, end = _START_SECONDS, time.monotonic() + _START_SECONDS
    while True:
        try:
            event = events.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            return Sent(parent, error=f"not finished after {limit:g} s")
        if event is None:
            return Sent(parent, error="the process that logs has ended")
        if "ready" in event:
            limit, end = seconds, time.monotonic() + seconds
        elif "parent" in event:
            parent = event["parent"]
        elif "error" in event:
            return Sent(parent, error=event["error"])
        else:
            failed = event.get("traces_error", "")
            return Sent(parent, event["stored"], event["new"], failed, runs_are_complete=True)
