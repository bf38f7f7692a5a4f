"""What a whole pipeline costs: the sums over its stages, as tables show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.costs import total_cost
from odqa.comparison.usage import usage_of
from odqa.execution.latency import percentile

if TYPE_CHECKING:
    from odqa.comparison.pipeline_result import PipelineResult

#: Keys of `cost_totals`, in the order of tables.
COST_NAMES = ("online_ms", "gflop", "offline_s", "load_s", "stored_mb", "p50_ms", "tokens", "price")


def cost_totals(result: PipelineResult, questions: int) -> dict[str, float | None]:
    """Totals by the names of `COST_NAMES`; `None` where a figure is not known.

    ``online_ms`` and ``gflop`` are per question, the first over all of them in batches;
    ``offline_s`` and ``load_s`` are seconds, ``stored_mb`` megabytes (1e6 bytes), ``p50_ms`` is the
    median latency of one question at a time; ``tokens`` and ``price`` are what language models were
    asked for, per question.

    Args:
        questions: how many the comparison has.
    """
    costs, latency = result.costs, result.latency
    total, usage = total_cost(costs, questions), usage_of(costs)
    load = [cost.load_seconds for cost in costs if cost.load_seconds is not None]
    return {
        "online_ms": total.online_ms,
        "gflop": total.gflop,
        "offline_s": total.offline_s,
        "load_s": sum(load) if load else None,
        "stored_mb": total.stored_mb,
        "p50_ms": None if latency is None else 1000 * percentile(latency.total(), 50),
        "tokens": None if usage is None else usage.tokens / questions,
        "price": None if usage is None or usage.price is None else usage.price / questions,
    }
