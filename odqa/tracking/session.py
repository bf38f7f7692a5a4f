"""Surroundings of every MLflow call: short waits, synchronous traces, a quiet terminal."""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

#: What MLflow reads from the environment while we talk to it. Its own defaults retry a dead
#: server for minutes, and drop traces silently when its queue is full. What users set stays.
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
}
_ALWAYS = {
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_NOISY = ("mlflow", "alembic", "urllib3.connectionpool")


@contextmanager
def quiet_session() -> Iterator[None]:
    """Set the environment and log levels for MLflow; both are as before afterwards."""
    wanted = {key: os.environ.get(key, value) for key, value in _PATIENCE.items()} | _ALWAYS
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    levels: dict[str, int] = {}
    try:
        # Importing MLflow sets its levels; ours have to come after.
        importlib.import_module("mlflow")
        for name in _NOISY:
            levels[name] = logging.getLogger(name).level
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
