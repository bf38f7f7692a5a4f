"""Quality against cost, with the Pareto front."""

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
#: The lowest cost on a logarithmic axis, in place of 0.
_MIN_COST = 1e-3


@dataclass(frozen=True, slots=True)
class Point:
    """One pipeline: its cost, and its quality with the interval."""

    name: str
    cost: float
    quality: float
    low: float
    high: float


def front(points: Sequence[Point]) -> list[Point]:
    """The Pareto front: points that no other beats in cost and quality, by rising cost."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.quality)):
        if not best or point.quality > best[-1].quality:
            best.append(point)
    return best


def online_figure(comparison: Comparison) -> str | None:
    """Quality against milliseconds per question; `None` where nothing was scored."""
    timed_alone = all(result.latency is not None for result in comparison.pipelines.values())
    costs = {}
    for name, result in comparison.pipelines.items():
        if timed_alone and result.latency is not None:
            costs[name] = 1000 * percentile(result.latency.total(), 50)
        else:
            spent = sum(cost.online_seconds for cost in result.costs)
            costs[name] = 1000 * spent / len(comparison.questions)
    condition = "asked one at a time, median" if timed_alone else "in batches"
    return _figure(comparison, costs, f"online ms per question ({condition})")


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
        # Gold passages cost nothing: an oracle would be the front of every figure.
        if cell is not None and not comparison.pipelines[name].spec.sees_answers:
            low, high = cell.interval.low, cell.interval.high
            points.append(Point(name, max(cost, _MIN_COST), cell.mean, low, high))
    if not points or metric is None:
        return None
    x_ticks = log_ticks(min(p.cost for p in points), max(p.cost for p in points))
    y_ticks = ticks(min(p.low for p in points), max(p.high for p in points))

    def x(value: float) -> float:
        first, last = math.log10(x_ticks[0]), math.log10(x_ticks[-1])
        return _LEFT + (math.log10(value) - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        inner = _HEIGHT - _TOP - _BOTTOM
        return _TOP + inner * (1 - (value - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]))

    parts = [text(0, 14, f"{metric} against {axis}", "fig-title")]
    for tick in x_ticks:
        parts.append(line(x(tick), _TOP, x(tick), _HEIGHT - _BOTTOM, "grid"))
        parts.append(text(x(tick), _HEIGHT - _BOTTOM + 16, plain(tick), "tick", "middle"))
    for tick in y_ticks:
        parts.append(line(_LEFT, y(tick), _WIDTH - _RIGHT, y(tick), "grid"))
        parts.append(text(_LEFT - 6, y(tick) + 4, f"{tick:.2g}", "tick", "end"))
    parts.append(text(_WIDTH - _RIGHT, _HEIGHT - 8, f"{axis}, logarithmic", "tick", "end"))
    best = front(points)
    if len(best) > 1:
        # A step line: between two points the cheaper one is the best within the cost.
        steps = [f"{x(best[0].cost):.1f},{y(best[0].quality):.1f}"]
        for before, after in itertools.pairwise(best):
            steps.append(f"{x(after.cost):.1f},{y(before.quality):.1f}")
            steps.append(f"{x(after.cost):.1f},{y(after.quality):.1f}")
        parts.append(f'<polyline points="{" ".join(steps)}" class="front"/>')
    for point in points:
        css_class = "dot" if point in best else "dot hollow"
        parts.append(line(x(point.cost), y(point.low), x(point.cost), y(point.high), "whisker"))
        tip = f"{point.name}: {metric} {point.quality:.3f}, {plain_cost(point.cost)} {axis}"
        parts.append(dot(x(point.cost), y(point.quality), css_class, tip))
    parts += _labels([(x(p.cost), y(p.quality), p.name) for p in points])
    description = "; ".join(f"{p.name} {p.quality:.3f} at {plain_cost(p.cost)}" for p in points)
    front_names = ", ".join(p.name for p in best)
    title = f"{metric} against {axis}: {description}. Pareto front: {front_names}."
    return picture(_WIDTH, _HEIGHT, title, parts)


def plain_cost(value: float) -> str:
    """A cost with three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _labels(places: Sequence[tuple[float, float, str]]) -> list[str]:
    """Names beside their points, moved down where they would overlap."""
    parts, boxes = [], list[tuple[float, float, float]]()
    for x, y, name in sorted(places, key=lambda place: place[1]):
        label = shorten(name, 24)
        width = 7.0 * len(label)
        left = x + 9 + width > _WIDTH
        start, at = (x - 9 - width if left else x + 9), y - 6
        while any(
            abs(at - y2) < 14 and start < x2 + w2 and x2 < start + width for x2, y2, w2 in boxes
        ):
            at += 14
        boxes.append((start, at, width))
        anchor = "end" if left else "start"
        parts.append(text(x - 9 if left else x + 9, at, label, "label halo", anchor))
    return parts
