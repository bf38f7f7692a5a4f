"""Tables of offline and online costs per stage, with cached stages marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from odqa.comparison.costs import NOT_REPORTED, joules_of
from odqa.execution.latency import percentile
from odqa.report.sections.table import Cell, Column, Table, name, number, significant

if TYPE_CHECKING:
    from odqa.comparison.costs import StageCost
    from odqa.comparison.pipeline_result import PipelineResult
    from odqa.comparison.result import Comparison
    from odqa.meters.meter import Spent

#: How many sharing pipelines are named.
_NAMED = 3
_PEAK = Column("peak MB", "highest resident set of the whole process while this part ran")
_ENERGY = "what the energy counters of processor and GPU rose by, whoever used them"

_OFFLINE = (
    Column("pipeline", number=False),
    Column("stage", number=False),
    Column("component", number=False),
    Column("precomputed offline", "what needs no question", number=False),
    Column("offline s", "seconds that building what is kept took, once per corpus"),
    Column("load s", "seconds of imports and weights, once per process"),
    Column("stored MB", "index and store bytes on disk"),
    Column("parameters, M"),
    _PEAK,
    Column("joules", _ENERGY),
    Column("marks", "cached: an earlier run prepared it, and these are its figures", number=False),
)
_ONLINE = (
    Column("pipeline", number=False),
    Column("stage", number=False),
    Column("component", number=False),
    Column("ms, batched", "wall time per question when questions come in batches"),
    Column("questions / s", "batched throughput"),
    Column("GFLOP", "per question, computed from shapes, a multiply-add counts as two"),
    Column("p50 ms", "median over distinct questions asked one at a time, after a warm-up"),
    Column("p95 ms"),
    Column("p99 ms"),
    _PEAK,
    Column("joules", f"per question in batches: {_ENERGY}"),
    Column("device", number=False),
    Column(
        "marks", "cached: the batched figures are those of the run that computed it", number=False
    ),
)


def offline_table(comparison: Comparison) -> Table:
    """Costs that are paid once per corpus."""
    rows = []
    for pipeline, result in comparison.pipelines.items():
        rows += [
            (
                name(pipeline),
                name(cost.role),
                name(_component(cost)),
                name(cost.stored_names),
                number(cost.offline_seconds, 1),
                Cell("") if cost.load_seconds is None else number(cost.load_seconds, 1),
                number(cost.stored_bytes / 1e6, 1, _parts(cost)),
                significant(cost.parameters / 1e6 if cost.parameters else None),
                _peak([cost.offline]),
                _reported(cost.offline.joules),
                name("cached" if cost.offline_reused else ""),
            )
            for cost in result.costs
        ]
    return Table("offline", "Offline: once per corpus", _OFFLINE, tuple(rows))


def online_table(comparison: Comparison) -> Table:
    """Costs of every question, per stage and in sum."""
    rows = []
    for pipeline, result in comparison.pipelines.items():
        n = len(comparison.questions)
        rows += [_stage_row(pipeline, result, cost, n) for cost in result.costs]
        rows.append(_sum_row(pipeline, result, n))
    return Table("online", "Online: for every question", _ONLINE, tuple(rows))


def _sharers(cost: StageCost) -> str:
    """Names of the other pipelines with this stage, or how many there are."""
    others = cost.shared_with
    return ", ".join(others) if len(others) <= _NAMED else f"{len(others)} others"


def _stage_row(pipeline: str, result: PipelineResult, cost: StageCost, n: int) -> tuple[Cell, ...]:
    marks = ["cached"] if cost.reused else []
    marks += [f"shared with {_sharers(cost)}"] if cost.shared_with else []
    latencies = result.latency.of(cost.stage_id) if result.latency else ()
    return (
        name(pipeline),
        name(cost.role),
        name(_component(cost)),
        *_speed(cost.online_seconds, n),
        significant(cost.gflop),
        *_percentiles(latencies),
        _peak([cost.online]),
        _per_question([cost.online], n),
        name(cost.facts.get("device", "cpu")),
        name("; ".join(marks)),
    )


def _sum_row(pipeline: str, result: PipelineResult, n: int) -> tuple[Cell, ...]:
    gflop = [cost.gflop for cost in result.costs if cost.gflop is not None]
    online = [cost.online for cost in result.costs]
    return (
        name(pipeline),
        name("all stages", badge="sum"),
        name(""),
        *_speed(sum(cost.online_seconds for cost in result.costs), n),
        significant(sum(gflop) if gflop else None),
        *_percentiles(result.latency.total() if result.latency else ()),
        _peak(online),
        _per_question(online, n),
        name(""),
        name(""),
    )


def _component(cost: StageCost) -> str:
    return cost.type if cost.stage_id == cost.type else f"{cost.type} ({cost.stage_id})"


def _speed(seconds: float, n: int) -> tuple[Cell, Cell]:
    return significant(1000 * seconds / n), significant(n / seconds if seconds else None)


def _percentiles(seconds: Sequence[float]) -> list[Cell]:
    if not seconds:
        return [Cell("")] * 3
    return [significant(1000 * percentile(seconds, q)) for q in (50, 95, 99)]


def _peak(parts: Sequence[Spent]) -> Cell:
    """The highest peak of several parts, and the highest on the GPU."""
    peaks = [spent.peak_bytes for spent in parts if spent.peak_bytes is not None]
    gpu_peaks = [spent.gpu_peak_bytes for spent in parts if spent.gpu_peak_bytes]
    gpu_note = f"GPU {max(gpu_peaks) / 1e6:,.0f}" if gpu_peaks else ""
    return number(max(peaks) / 1e6, 0, gpu_note) if peaks else Cell(NOT_REPORTED)


def _per_question(parts: Sequence[Spent], n: int) -> Cell:
    joules = joules_of(parts)
    return _reported(None if joules is None else joules / n)


def _reported(value: float | None) -> Cell:
    return Cell(NOT_REPORTED) if value is None else significant(value)


def _parts(cost: StageCost) -> str:
    if len(cost.stored) < 2:
        return ""
    return ", ".join(f"{name} {size / 1e6:.1f}" for name, size in cost.stored.items())
