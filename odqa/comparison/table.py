"""The summary table: quality with intervals, significance against the baseline, and costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from odqa.comparison.costs import NOT_REPORTED, joules_of, total_cost
from odqa.comparison.usage import price_text, usage_of
from odqa.execution.latency import percentile
from odqa.html_view import html_table
from odqa.metrics.statistics.pairs import PairedComparison, compare_pairs

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.data import ComparisonData
    from odqa.comparison.pipeline_result import PipelineResult

#: Metrics of the summary table where none were chosen; those not measured are left out.
HEADLINE = (
    "em",
    "f1",
    "judge",
    "retrieved_recall@1",
    "retrieved_recall@20",
    "ranked_recall@1",
    "ranked_mrr@10",
    "ranked_ndcg@10",
    "retrieved_all_gold@20",
    "ranked_all_gold@5",
    "retrieved_has_answer@20",
    "retrieved_oracle",
    "ranked_oracle",
)
#: Metrics on which pipelines are tested where none were chosen.
TESTED = ("em", "ranked_mrr@10", "ranked_all_gold@5")
#: Metrics of which more is not better.
_UNTESTED = ("answered", "answer_length")


def headline_metrics(comparison: ComparisonData) -> list[str]:
    """The chosen metrics, else those of `HEADLINE`, that at least one pipeline has."""
    measured = {metric for _, metric in comparison.by_question}
    return [metric for metric in comparison.metrics or HEADLINE if metric in measured]


def tested_metrics(comparison: ComparisonData) -> list[str]:
    """The metrics on which pipelines are tested: the chosen ones, else `TESTED`."""
    chosen = [metric for metric in comparison.metrics if metric not in _UNTESTED]
    return chosen or list(TESTED)


def table(comparison: ComparisonData, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """One row a pipeline.

    Quality columns are means with 95 % bootstrap intervals; ``p(METRIC)`` is Holm-corrected
    against the baseline; of several baselines ``p(METRIC, BASELINE)``. ``offline s`` and
    ``stored MB`` are spent once per corpus, on what ``offline`` names, ``load s`` once per process
    on imports and weights; ``online ms`` per question and ``questions / s`` are in batches,
    ``p50 ms``, ``p95 ms`` and ``p99 ms`` per question asked alone; ``GFLOP`` per question is
    analytic; ``peak MB`` is the highest resident set of the process in any stage, ``J / question``
    what the machine's energy counters rose by. ``tokens / question`` and ``price / question`` are
    those of language models, and are left out where no pipeline has one.
    """
    import pandas as pd

    columns = list(metrics) if metrics is not None else headline_metrics(comparison)
    tests = {metric: tests_for(comparison, metric) for metric in tested_metrics(comparison)}
    has_usage = any(usage_of(result.costs) for result in comparison.pipelines.values())
    rows = []
    for name, result in comparison.pipelines.items():
        row: dict[str, object] = {"pipeline": name}
        for metric in columns:
            cell = comparison.summaries.get((name, metric))
            row[metric] = (
                ""
                if cell is None
                else f"{cell.mean:.3f} [{cell.interval.low:.3f}, {cell.interval.high:.3f}]"
            )
        for metric, paired in tests.items():
            for baseline in dict.fromkeys(test.baseline for test in paired):
                several = len(comparison.baselines) > 1
                head = f"p({metric}, {baseline})" if several else f"p({metric})"
                test = between(paired, baseline, name)
                row[head] = "baseline" if test is None else f"{test.p_corrected:.3g}"
        n = len(comparison.questions)
        rows.append(row | _costs(result, n) | (_usage(result, n) if has_usage else {}))
    return pd.DataFrame(rows).set_index("pipeline")


def table_html(table: pd.DataFrame, caption: str) -> str:
    """`table` with a column a pipeline, which is narrower; what nobody has is left out."""
    rows = [(name, *values) for name, values in table.T.iterrows() if any(values)]
    return html_table(("", *table.index), rows, caption)


def tests_for(comparison: ComparisonData, metric: str) -> list[PairedComparison]:
    """Every other pipeline against every baseline on one metric, two baselines once.

    Empty where it was not measured.
    """
    measured = {name for name, m in comparison.by_question if m == metric}
    baselines = [name for name in comparison.baselines if name in measured]
    if not baselines or len(measured) < 2:
        return []
    return compare_pairs(comparison.rows, baselines, metric)


def between(
    tests: Sequence[PairedComparison], pipeline: str, other: str
) -> PairedComparison | None:
    """The test of two pipelines, whichever of them is its baseline; `None`: there is none."""
    both = {pipeline, other}
    return next((test for test in tests if {test.baseline, test.candidate} == both), None)


def _costs(result: PipelineResult, n: int) -> dict[str, object]:
    costs = result.costs
    total = total_cost(costs, n)
    peaks = [cost.peak_bytes for cost in costs if cost.peak_bytes is not None]
    joules = joules_of([cost.online for cost in costs])
    # Roles name the stages, unless a composition holds several of one.
    is_plain = len({cost.role for cost in costs}) == len(costs)
    named = [(cost.role if is_plain else cost.stage_id, cost) for cost in costs]
    return {
        "offline s": f"{total.offline_s:.1f}",
        "load s": _sum_of([cost.load_seconds for cost in costs]),
        "stored MB": f"{total.stored_mb:.1f}",
        "parameters M": f"{sum(cost.parameters for cost in costs) / 1e6:.1f}",
        "GFLOP": "" if total.gflop is None else f"{total.gflop:.2f}",
        "online ms": f"{total.online_ms:.1f}",
        "questions / s": _throughput(total.online_ms),
        **{f"p{q} ms": _milliseconds(result, q) for q in (50, 95, 99)},
        "peak MB": f"{max(peaks) / 1e6:.0f}" if peaks else NOT_REPORTED,
        "J / question": NOT_REPORTED if joules is None else f"{joules / n:.3g}",
        "device": ", ".join(dict.fromkeys(c.facts.get("device", "cpu") for c in costs)),
        "from cache": ", ".join(name for name, cost in named if cost.reused),
        "offline": "; ".join(f"{name}: {cost.stored_names}" for name, cost in named),
    }


def _usage(result: PipelineResult, n: int) -> dict[str, object]:
    usage = usage_of(result.costs)
    price = None if usage is None or usage.price is None else usage.price / n
    return {
        "tokens / question": "" if usage is None else f"{usage.tokens / n:.1f}",
        "price / question": "" if usage is None else price_text(price),
    }


def _sum_of(seconds: Sequence[float | None]) -> str:
    known = [value for value in seconds if value is not None]
    return f"{sum(known):.1f}" if known else ""


def _throughput(online_ms: float) -> str:
    if not online_ms:
        return ""
    a_second = 1000 / online_ms
    return f"{a_second:.0f}" if a_second >= 100 else f"{a_second:.3g}"


def _milliseconds(result: PipelineResult, q: int) -> str:
    if result.latency is None:
        return ""
    return f"{1000 * percentile(result.latency.total(), q):.0f}"
