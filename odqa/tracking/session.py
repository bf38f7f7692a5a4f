"""Settings during calls of MLflow: short timeouts, synchronous traces, a quiet terminal."""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

#: Variables that MLflow reads, where users have not set them: its defaults retry a server that
#: is down for minutes.
_TIMEOUTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
}
#: Variables that are always set: MLflow's queue would drop traces silently when it is full.
_ALWAYS = {
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_LOGGERS = ("mlflow", "alembic", "urllib3.connectionpool")


@contextmanager
def quiet_session() -> Iterator[None]:
    """Set the environment and log levels for MLflow, and restore both afterwards."""
    settings = {key: os.environ.get(key, value) for key, value in _TIMEOUTS.items()} | _ALWAYS
    before = {key: os.environ.get(key) for key in settings}
    os.environ.update(settings)
    levels: dict[str, int] = {}
    try:
        # Importing MLflow sets log levels, so set ours after it.
        importlib.import_module("mlflow")
        for name in _LOGGERS:
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
