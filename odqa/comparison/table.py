"""The summary: quality with intervals, significance against the baseline, and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odqa.experiment.latency import percentile
from odqa.metrics.statistics.bootstrap import mean_interval
from odqa.metrics.statistics.pairs import PairedComparison, compare_pairs

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.result import Comparison, PipelineResult

#: What a table shows first; metrics that were not measured are left out.
HEADLINE = (
    "em",
    "f1",
    "ranked_recall@1",
    "ranked_mrr@10",
    "ranked_ndcg@10",
    "retrieved_recall@20",
    "retrieved_has_answer@20",
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over questions with its bootstrap confidence interval."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def estimate(comparison: Comparison, pipeline: str, metric: str) -> Estimate | None:
    """One cell of the table; `None` where the pipeline has no such metric."""
    found = comparison.by_question.get((pipeline, metric))
    if not found:
        return None
    values = list(found.values())
    low, high = mean_interval(values)
    return Estimate(sum(values) / len(values), low, high, len(values))


def headline_metrics(comparison: Comparison) -> list[str]:
    """The metrics of `HEADLINE` that at least one pipeline has."""
    measured = {metric for _, metric in comparison.by_question}
    return [metric for metric in HEADLINE if metric in measured]


def table(comparison: Comparison, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """One row a pipeline.

    Quality columns are means with 95 % bootstrap intervals; ``p(METRIC)`` is Holm-corrected
    against the baseline. Seconds: ``offline s`` once per corpus; ``online ms`` per question in
    batches; ``p50 ms`` one question at a time. ``GFLOP`` per question, analytic.
    """
    import pandas as pd

    shown = list(metrics) if metrics is not None else headline_metrics(comparison)
    tests = {m: {t.candidate: t for t in tests_for(comparison, m)} for m in ("em", "ranked_mrr@10")}
    rows = []
    for name, result in comparison.pipelines.items():
        row: dict[str, object] = {"pipeline": name}
        for metric in shown:
            cell = estimate(comparison, name, metric)
            row[metric] = "" if cell is None else str(cell)
        for metric, by_name in tests.items():
            if by_name:
                test = by_name.get(name)
                row[f"p({metric})"] = "baseline" if test is None else f"{test.p_corrected:.3g}"
        rows.append(row | _costs(result, len(comparison.questions)))
    return pd.DataFrame(rows).set_index("pipeline")


def tests_for(comparison: Comparison, metric: str) -> list[PairedComparison]:
    """Every other pipeline against the baseline on one metric; empty where it was not measured."""
    measured = [name for name, m in comparison.by_question if m == metric]
    if comparison.baseline not in measured or len(measured) < 2:
        return []
    return compare_pairs(comparison.rows, comparison.baseline, metric)


def _costs(result: PipelineResult, n: int) -> dict[str, object]:
    gflop = [cost.gflop for cost in result.costs if cost.gflop is not None]
    row: dict[str, object] = {
        "offline s": f"{sum(cost.offline_seconds for cost in result.costs):.1f}",
        "online ms": f"{1000 * sum(cost.online_seconds for cost in result.costs) / n:.1f}",
        "p50 ms": "" if result.latency is None else _milliseconds(result, 50),
        "p95 ms": "" if result.latency is None else _milliseconds(result, 95),
        "GFLOP": f"{sum(gflop):.2f}" if gflop else "",
        "stored MB": f"{sum(cost.stored_bytes for cost in result.costs) / 1e6:.1f}",
        "device": ", ".join(dict.fromkeys(c.facts.get("device", "cpu") for c in result.costs)),
        "reused": ", ".join(cost.role for cost in result.costs if cost.reused),
    }
    return row


def _milliseconds(result: PipelineResult, q: int) -> str:
    assert result.latency is not None
    return f"{1000 * percentile(result.latency.total(), q):.0f}"
