"""The summary table: quality with intervals, significance against the baseline, and costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from odqa.experiment.latency import percentile
from odqa.metrics.statistics.pairs import PairedComparison, compare_pairs

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.result import Comparison, PipelineResult

#: What a table shows first; metrics that were not measured are left out.
HEADLINE = (
    "em",
    "f1",
    "retrieved_recall@1",
    "retrieved_recall@20",
    "ranked_recall@1",
    "ranked_mrr@10",
    "ranked_ndcg@10",
    "retrieved_has_answer@20",
    "retrieved_oracle",
    "ranked_oracle",
)
#: On which of them the baseline is tested.
TESTED = ("em", "ranked_mrr@10")


def headline_metrics(comparison: Comparison) -> list[str]:
    """The metrics of `HEADLINE` that at least one pipeline has."""
    measured = {metric for _, metric in comparison.by_question}
    return [metric for metric in HEADLINE if metric in measured]


def table(comparison: Comparison, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """One row a pipeline.

    Quality columns are means with 95 % bootstrap intervals; ``p(METRIC)`` is Holm-corrected
    against the baseline. ``offline s`` is spent once per corpus, ``online ms`` per question in
    batches, ``p50 ms`` and ``p95 ms`` per question asked alone; ``GFLOP`` per question, analytic.
    """
    import pandas as pd

    shown = list(metrics) if metrics is not None else headline_metrics(comparison)
    tests = {metric: tests_for(comparison, metric) for metric in TESTED}
    rows = []
    for name, result in comparison.pipelines.items():
        row: dict[str, object] = {"pipeline": name}
        for metric in shown:
            cell = comparison.summaries.get((name, metric))
            row[metric] = (
                ""
                if cell is None
                else f"{cell.mean:.3f} [{cell.interval.low:.3f}, {cell.interval.high:.3f}]"
            )
        for metric, against in tests.items():
            found = next((t for t in against if t.candidate == name), None)
            if against:
                row[f"p({metric})"] = "baseline" if found is None else f"{found.p_corrected:.3g}"
        rows.append(row | _costs(result, len(comparison.questions)))
    return pd.DataFrame(rows).set_index("pipeline")


def tests_for(comparison: Comparison, metric: str) -> list[PairedComparison]:
    """Every other pipeline against the baseline on one metric; empty where it was not measured."""
    measured = {name for name, m in comparison.by_question if m == metric}
    if comparison.baseline not in measured or len(measured) < 2:
        return []
    return compare_pairs(comparison.rows, comparison.baseline, metric)


def _costs(result: PipelineResult, n: int) -> dict[str, object]:
    gflop = [cost.gflop for cost in result.costs if cost.gflop is not None]
    return {
        "offline s": f"{sum(cost.offline_seconds for cost in result.costs):.1f}",
        "online ms": f"{1000 * sum(cost.online_seconds for cost in result.costs) / n:.1f}",
        "p50 ms": _milliseconds(result, 50),
        "p95 ms": _milliseconds(result, 95),
        "GFLOP": f"{sum(gflop):.2f}" if gflop else "",
        "stored MB": f"{sum(cost.stored_bytes for cost in result.costs) / 1e6:.1f}",
        "device": ", ".join(dict.fromkeys(c.facts.get("device", "cpu") for c in result.costs)),
        "from cache": ", ".join(cost.role for cost in result.costs if cost.reused),
    }


def _milliseconds(result: PipelineResult, q: int) -> str:
    if result.latency is None:
        return ""
    return f"{1000 * percentile(result.latency.total(), q):.0f}"
