"""Costs: offline and online apart, stage by stage, cached stages marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from odqa.experiment.latency import percentile
from odqa.report.sections.table import Cell, Column, Table, name, number, significant

if TYPE_CHECKING:
    from odqa.comparison.costs import StageCost
    from odqa.comparison.result import Comparison, PipelineResult

_OFFLINE = (
    Column("pipeline", number=False),
    Column("stage", number=False),
    Column("component", number=False),
    Column("precomputed offline", "what needs no question", number=False),
    Column("offline s", "seconds of the first preparation on this corpus"),
    Column("stored MB", "index and store bytes on disk"),
    Column("parameters, M"),
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
    Column("device", number=False),
    Column("marks", "cached: the batched time is that of the run that computed it", number=False),
)


def offline_table(comparison: Comparison) -> Table:
    """What is spent once per corpus."""
    rows = []
    for pipeline, result in comparison.pipelines.items():
        rows += [
            (
                name(pipeline),
                name(cost.role),
                name(cost.type),
                name("; ".join(cost.precomputes) or "nothing"),
                number(cost.offline_seconds, 1),
                number(cost.stored_bytes / 1e6, 1, _parts(cost)),
                significant(cost.parameters / 1e6 if cost.parameters else None),
            )
            for cost in result.costs
        ]
    return Table("offline", "Offline: once per corpus", _OFFLINE, tuple(rows))


def online_table(comparison: Comparison) -> Table:
    """What every question costs, stage by stage and in sum."""
    rows = []
    for pipeline, result in comparison.pipelines.items():
        n = len(comparison.questions)
        rows += [_stage_row(pipeline, result, cost, n) for cost in result.costs]
        rows.append(_sum_row(pipeline, result, n))
    return Table("online", "Online: for every question", _ONLINE, tuple(rows))


def _stage_row(pipeline: str, result: PipelineResult, cost: StageCost, n: int) -> tuple[Cell, ...]:
    marks = ["cached"] if cost.reused else []
    marks += [f"shared with {', '.join(cost.shared_with)}"] if cost.shared_with else []
    alone = result.latency.seconds.get(cost.role, ()) if result.latency else ()
    return (
        name(pipeline),
        name(cost.role),
        name(cost.type),
        *_speed(cost.online_seconds, n),
        significant(cost.gflop),
        *_percentiles(alone),
        name(cost.facts.get("device", "cpu")),
        name("; ".join(marks)),
    )


def _sum_row(pipeline: str, result: PipelineResult, n: int) -> tuple[Cell, ...]:
    known = [cost.gflop for cost in result.costs if cost.gflop is not None]
    return (
        name(pipeline),
        name("all stages", badge="sum"),
        name(""),
        *_speed(sum(cost.online_seconds for cost in result.costs), n),
        significant(sum(known) if known else None),
        *_percentiles(result.latency.total() if result.latency else ()),
        name(""),
        name(""),
    )


def _speed(seconds: float, n: int) -> tuple[Cell, Cell]:
    return significant(1000 * seconds / n), significant(n / seconds if seconds else None)


def _percentiles(seconds: Sequence[float]) -> list[Cell]:
    if not seconds:
        return [Cell("")] * 3
    return [significant(1000 * percentile(seconds, q)) for q in (50, 95, 99)]


def _parts(cost: StageCost) -> str:
    if len(cost.stored) < 2:
        return ""
    return ", ".join(f"{what} {size / 1e6:.1f}" for what, size in cost.stored.items())
