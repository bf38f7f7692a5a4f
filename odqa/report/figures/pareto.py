"""Quality against what it costs, with the pipelines that no other beats on both."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odqa.comparison.verdict import deciding_metric
from odqa.execution.latency import percentile
from odqa.report.figures.svg import dot, line, log_ticks, picture, plain, shorten, text, ticks

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 520, 320, 52, 20, 30, 46
#: Where nothing was measured to have cost anything, the axis begins here.
_LEAST = 1e-3


@dataclass(frozen=True, slots=True)
class Point:
    """One pipeline: what it costs and how good it is."""

    name: str
    cost: float
    quality: float
    low: float
    high: float


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other point beats in cost and quality, by rising cost."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.quality)):
        if not best or point.quality > best[-1].quality:
            best.append(point)
    return best


def online_figure(comparison: Comparison) -> str | None:
    """Quality against milliseconds per question; `None` where nothing was scored."""
    alone = all(result.latency is not None for result in comparison.pipelines.values())
    costs = {}
    for name, result in comparison.pipelines.items():
        if alone and result.latency is not None:
            costs[name] = 1000 * percentile(result.latency.total(), 50)
        else:
            spent = sum(cost.online_seconds for cost in result.costs)
            costs[name] = 1000 * spent / len(comparison.questions)
    how = "asked one at a time, median" if alone else "in batches"
    return _figure(comparison, costs, f"online ms per question ({how})")


def storage_figure(comparison: Comparison) -> str | None:
    """Quality against stored megabytes; `None` where nothing was scored."""
    costs = {
        name: sum(cost.stored_bytes for cost in result.costs) / 1e6
        for name, result in comparison.pipelines.items()
    }
    return _figure(comparison, costs, "stored MB")


def _figure(comparison: Comparison, costs: dict[str, float], axis: str) -> str | None:
    metric = deciding_metric(comparison)
    points = []
    for name, cost in costs.items():
        cell = comparison.summaries.get((name, metric)) if metric else None
        # Gold passages cost nothing: an oracle would be every figure's front.
        if cell is not None and not comparison.pipelines[name].spec.sees_answers:
            low, high = cell.interval.low, cell.interval.high
            points.append(Point(name, max(cost, _LEAST), cell.mean, low, high))
    if not points or metric is None:
        return None
    across = log_ticks(min(p.cost for p in points), max(p.cost for p in points))
    up = ticks(min(p.low for p in points), max(p.high for p in points))

    def x(value: float) -> float:
        first, last = math.log10(across[0]), math.log10(across[-1])
        return _LEFT + (math.log10(value) - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        inner = _HEIGHT - _TOP - _BOTTOM
        return _TOP + inner * (1 - (value - up[0]) / (up[-1] - up[0]))

    parts = [text(0, 14, f"{metric} against {axis}", "fig-title")]
    for mark in across:
        parts.append(line(x(mark), _TOP, x(mark), _HEIGHT - _BOTTOM, "grid"))
        parts.append(text(x(mark), _HEIGHT - _BOTTOM + 16, plain(mark), "tick", "middle"))
    for mark in up:
        parts.append(line(_LEFT, y(mark), _WIDTH - _RIGHT, y(mark), "grid"))
        parts.append(text(_LEFT - 6, y(mark) + 4, f"{mark:.2g}", "tick", "end"))
    parts.append(text(_WIDTH - _RIGHT, _HEIGHT - 8, f"{axis}, logarithmic", "tick", "end"))
    best = front(points)
    if len(best) > 1:
        # A staircase: between two points the cheaper one is what can be had.
        steps = [f"{x(best[0].cost):.1f},{y(best[0].quality):.1f}"]
        for before, after in itertools.pairwise(best):
            steps.append(f"{x(after.cost):.1f},{y(before.quality):.1f}")
            steps.append(f"{x(after.cost):.1f},{y(after.quality):.1f}")
        parts.append(f'<polyline points="{" ".join(steps)}" class="front"/>')
    for point in points:
        kind = "dot" if point in best else "dot hollow"
        parts.append(line(x(point.cost), y(point.low), x(point.cost), y(point.high), "whisker"))
        tip = f"{point.name}: {metric} {point.quality:.3f}, {plain_cost(point.cost)} {axis}"
        parts.append(dot(x(point.cost), y(point.quality), kind, tip))
    parts += _labels([(x(p.cost), y(p.quality), p.name) for p in points])
    said = "; ".join(f"{p.name} {p.quality:.3f} at {plain_cost(p.cost)}" for p in points)
    front_said = ", ".join(p.name for p in best)
    title = f"{metric} against {axis}: {said}. Pareto front: {front_said}."
    return picture(_WIDTH, _HEIGHT, title, parts)


def plain_cost(value: float) -> str:
    """A cost with three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _labels(places: Sequence[tuple[float, float, str]]) -> list[str]:
    """Names beside their points, moved down where they would cover each other."""
    parts, taken = [], list[tuple[float, float, float]]()
    for x, y, name in sorted(places, key=lambda place: place[1]):
        words = shorten(name, 24)
        width = 7.0 * len(words)
        left = x + 9 + width > _WIDTH
        start, at = (x - 9 - width if left else x + 9), y - 6
        while any(
            abs(at - y2) < 14 and start < x2 + w2 and x2 < start + width for x2, y2, w2 in taken
        ):
            at += 14
        taken.append((start, at, width))
        anchor = "end" if left else "start"
        parts.append(text(x - 9 if left else x + 9, at, words, "label halo", anchor))
    return parts
