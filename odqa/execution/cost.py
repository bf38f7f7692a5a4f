"""The analytic cost of one online call. It is a figure for the report, and never ends a run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

from odqa.interfaces import Component, Cost
from odqa.spec.stage import StageSpec
from odqa.types import Hit, Query

_LOG = logging.getLogger(__name__)


def cost_of(stage: StageSpec, component: Component[Any], query: Query, hits: Sequence[Hit]) -> Cost:
    """What `Component.cost` says, or nothing where it fails, with one warning for each stage."""
    try:
        return component.cost(query, hits)
    except Exception as error:  # whatever its formula did not expect
        _warn(stage.role, stage.type, f"{type(error).__name__}: {error}")
        return Cost()


@cache
def _warn(role: str, kind: str, error: str) -> None:
    _LOG.warning("%s '%s': its cost cannot be computed (%s), shown as '-'", role, kind, error)
