"""Finished comparisons in MLflow: the only package that knows it.

Tracking comes after everything is computed and saved, and nothing it does can lose a result: a
server that is down costs a few seconds and one warning line.
"""

from __future__ import annotations

from odqa.tracking.log import DEFAULT_URI, log_comparison, tracking_target

__all__ = ["DEFAULT_URI", "log_comparison", "tracking_target"]
