"""Finished comparisons and trainings in MLflow: the only package that knows it.

Tracking comes after everything is computed and saved, in a process of its own that is ended when
its time is over: nothing it does can lose or hold a result.
"""

from __future__ import annotations

from odqa.tracking.log import (
    DEFAULT_URI,
    TrackingOutcome,
    log_comparison,
    log_training,
    tracking_seconds,
    tracking_target,
)

__all__ = [
    "DEFAULT_URI",
    "TrackingOutcome",
    "log_comparison",
    "log_training",
    "tracking_seconds",
    "tracking_target",
]
