"""Long tables of plain numbers: what every stage costs, and every paired test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from odqa.comparison.table import tested_metrics, tests_for
from odqa.comparison.usage import notes_of
from odqa.execution.latency import percentile
from odqa.metrics.attribution import OUTCOMES, loss_table

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.costs import StageCost
    from odqa.comparison.data import ComparisonData
    from odqa.comparison.pipeline_result import PipelineResult


#: Columns of text; all others are numbers.
_TEXT_COLUMNS = (
    *("pipeline", "stage", "component", "id", "offline", "device", "cached"),
    "notes",
)


def stage_frame(comparison: ComparisonData) -> pd.DataFrame:
    """One row a stage of a pipeline; what was not measured or not reported is NaN.

    ``stage`` is its role, ``component`` its type, ``id`` its name in the pipeline; ``lost`` counts
    the questions that it lost (`Comparison.lost_by`).

    ``offline`` columns are spent once per corpus: ``offline`` (names of what is stored),
    ``offline s``, ``stored MB``, ``offline peak MB``, ``offline J``; ``load s`` once per process,
    on imports and weights. The others are for every question: ``online ms`` and ``questions / s``
    in batches, ``p50 ms``, ``p95 ms`` and ``p99 ms`` one at a time,
    ``GFLOP`` (analytic), ``peak MB`` (resident set of the process at most), ``GPU peak MB``, ``J /
    question``; ``tokens / question`` (prompt and completion) and ``price / question`` of language
    models, with ``notes`` on what did not work. ``cached`` says which part was
    read from the cache; its figures are those of the run that computed it.
    """
    import pandas as pd

    n = len(comparison.questions)
    rows = [
        {"pipeline": name, **_stage(result, cost, n, comparison.lost_counts(name))}
        for name, result in comparison.pipelines.items()
        for cost in result.costs
    ]
    frame = pd.DataFrame(rows)
    # A column without any figure is a column of numbers too.
    return frame.astype({name: float for name in frame.columns if name not in _TEXT_COLUMNS})


def paired_frame(comparison: ComparisonData) -> pd.DataFrame:
    """One row a metric and pipeline: the paired test against the baseline.

    ``difference`` is the pipeline minus the baseline with its 95 % interval ``low`` to ``high``;
    ``p`` is two-sided, ``p (Holm)`` corrected over the pipelines of one metric; ``d`` is Cohen's d
    of the paired differences; ``needed`` is how many questions show this difference with 80 %
    power at 0.05 (NaN: none would), ``detectable`` the smallest difference that these questions
    show with 80 % power (NaN: the two never differ).
    """
    import pandas as pd

    rows = [
        {
            "metric": test.metric,
            "pipeline": test.candidate,
            "baseline": test.baseline,
            "difference": test.difference,
            "low": test.interval.low,
            "high": test.interval.high,
            "p": test.p_value,
            "p (Holm)": test.p_corrected,
            "test": test.test,
            "d": test.effect_size,
            "wins": test.counts.wins,
            "ties": test.counts.ties,
            "losses": test.counts.losses,
            "questions": test.questions,
            "needed": test.questions_needed,
            "detectable": test.detectable,
        }
        for metric in tested_metrics(comparison)
        for test in tests_for(comparison, metric)
    ]
    return pd.DataFrame(rows)


def outcome_frame(comparison: ComparisonData) -> pd.DataFrame:
    """One row a pipeline, one column an outcome: how many questions had it.

    Pipelines without reader, and questions without accepted answers, have no outcome.
    """
    import pandas as pd

    counts = loss_table(comparison.rows)
    index = pd.Index(list(counts), name="pipeline")
    return pd.DataFrame(list(counts.values()), index=index, columns=list(OUTCOMES))


def stage_loss_frame(comparison: ComparisonData) -> pd.DataFrame:
    """One row a stage of a pipeline: how many questions it lost (`Comparison.lost_by`).

    Stages of one fusion that all found nothing lose a question together; rows may then add up to
    more than the questions that were lost.
    """
    import pandas as pd

    rows = [
        (name, stage, result.spec.graph[stage].role, lost)
        for name, result in comparison.pipelines.items()
        for stage, lost in comparison.lost_counts(name).items()
    ]
    frame = pd.DataFrame(rows, columns=["pipeline", "stage", "role", "lost"])
    return frame.set_index(["pipeline", "stage"])


def cached_parts(cost: StageCost) -> str:
    """Which parts of a stage were read from the cache: offline, online, both or none."""
    parts = {"offline": cost.offline_reused, "online": cost.reused}
    return " + ".join(part for part, reused in parts.items() if reused)


def _stage(
    result: PipelineResult, cost: StageCost, n: int, lost: Mapping[str, int]
) -> dict[str, object]:
    alone = result.latency.of(cost.stage_id) if result.latency else ()
    joules, usage = cost.online.joules, cost.online.usage
    return {
        "stage": cost.role,
        "component": cost.type,
        "id": cost.stage_id,
        "offline": cost.stored_names,
        "offline s": cost.offline.seconds,
        "load s": cost.load_seconds,
        "stored MB": cost.stored_bytes / 1e6,
        "offline peak MB": _mega(cost.offline.peak_bytes),
        "offline J": cost.offline.joules,
        "parameters M": cost.parameters / 1e6,
        "GFLOP": cost.gflop,
        "online ms": 1000 * cost.online.seconds / n,
        "questions / s": cost.throughput(n),
        **{f"p{q} ms": 1000 * percentile(alone, q) if alone else None for q in (50, 95, 99)},
        "peak MB": _mega(cost.online.peak_bytes),
        "GPU peak MB": _mega(cost.online.gpu_peak_bytes),
        "J / question": None if joules is None else joules / n,
        "tokens / question": None if usage is None else usage.tokens / n,
        "price / question": None if usage is None or usage.price is None else usage.price / n,
        "notes": "" if usage is None else notes_of(usage),
        "lost": lost.get(cost.stage_id),
        "device": cost.facts.get("device", "cpu"),
        "cached": cached_parts(cost),
    }


def _mega(size: int | None) -> float | None:
    return None if size is None else size / 1e6
