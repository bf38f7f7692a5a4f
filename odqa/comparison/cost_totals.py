"""What a whole pipeline costs: the sums over its stages, as tables show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from odqa.execution.latency import percentile

if TYPE_CHECKING:
    from odqa.comparison.pipeline_result import PipelineResult

#: Keys of `cost_totals`, in the order of tables.
COST_NAMES = ("online_ms", "gflop", "offline_s", "load_s", "stored_mb", "p50_ms")


def cost_totals(result: PipelineResult, questions: int) -> dict[str, float | None]:
    """Totals by the names of `COST_NAMES`; `None` where a figure is not known.

    ``online_ms`` and ``gflop`` are per question, the first over all of them in batches;
    ``offline_s`` and ``load_s`` are seconds, ``stored_mb`` megabytes (1e6 bytes), ``p50_ms`` is the
    median latency of one question at a time.

    Args:
        questions: how many the comparison has.
    """
    costs, latency = result.costs, result.latency
    return {
        "online_ms": 1000 * sum(cost.online_seconds for cost in costs) / questions,
        "gflop": _known_sum(cost.gflop for cost in costs) or None,
        "offline_s": sum(cost.offline_seconds for cost in costs),
        "load_s": _known_sum(cost.load_seconds for cost in costs),
        "stored_mb": sum(cost.stored_bytes for cost in costs) / 1e6,
        "p50_ms": None if latency is None else 1000 * percentile(latency.total(), 50),
    }


def _known_sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
