"""``effects.json``: the effects of a grid's factors and the honest choice, as plain numbers."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from odqa.comparison.choice import can_choose
from odqa.comparison.effects import grid_metric

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.result import Comparison


def effects_json(comparison: Comparison) -> str | None:
    """The text of the file; `None` where the pipelines are those of no grid.

    Keys: ``metric``, ``questions``, ``factors``, and rows of `Effects.frame` (``main``),
    `Effects.cell_frame` (``cells``) and `Effects.interaction_frame` (``interactions``), and the
    fields of `Choice` (``choice``; null where there is none).
    """
    metric = grid_metric(comparison)
    if metric is None:
        return None
    effects = comparison.effects(metric)
    values = {
        "metric": metric,
        "questions": effects.questions,
        "factors": effects.grid.to_dict()["factors"],
        "main": _rows(effects.frame()),
        "cells": _rows(effects.cell_frame()),
        "interactions": _rows(effects.interaction_frame()),
        "choice": asdict(comparison.choice(metric)) if can_choose(comparison, metric) else None,
    }
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.to_dict("records")
    return [{str(key): _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    """Missing numbers as null, which JSON has no other word for."""
    return None if isinstance(value, float) and math.isnan(value) else value
