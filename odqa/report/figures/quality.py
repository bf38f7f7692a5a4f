"""Means with their intervals: one figure per metric, one row per pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.table import headline_metrics
from odqa.report.figures.svg import dot, line, picture, shorten, text, ticks

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_LEFT, _RIGHT, _WIDTH, _ROW, _TOP = 132, 46, 380, 26, 26


def quality_figures(comparison: Comparison) -> list[str]:
    """One SVG for each headline metric."""
    return [_figure(comparison, metric) for metric in headline_metrics(comparison)]


def _figure(comparison: Comparison, metric: str) -> str:
    cells = [
        comparison.summaries[pipeline, metric]
        for pipeline in comparison.pipelines
        if (pipeline, metric) in comparison.summaries
    ]
    lowest, highest = min(c.interval.low for c in cells), max(c.interval.high for c in cells)
    if lowest == highest:
        # Widen the axis below; above only at 0, as shares do not exceed 1.
        lowest, highest = max(0.0, lowest - 0.1), max(0.1, highest)
    axis_ticks = ticks(lowest, highest)
    low, high = axis_ticks[0], axis_ticks[-1]
    height = _TOP + _ROW * len(cells) + 22

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    parts = [text(0, 14, metric, "fig-title")]
    for tick in axis_ticks:
        parts.append(line(x(tick), _TOP, x(tick), height - 20, "grid"))
        parts.append(text(x(tick), height - 6, f"{tick:.2g}", "tick", "middle"))
    descriptions = []
    for row, cell in enumerate(cells):
        y = _TOP + _ROW * (row + 0.5)
        css_class = "dot hollow" if cell.pipeline in comparison.baselines else "dot"
        tip = (
            f"{cell.pipeline}: {cell.mean:.3f}, {cell.interval.low:.3f} to {cell.interval.high:.3f}"
        )
        descriptions.append(tip)
        parts.append(text(_LEFT - 8, y + 4, shorten(cell.pipeline, 17), "label", "end"))
        parts.append(line(x(cell.interval.low), y, x(cell.interval.high), y, "whisker"))
        parts.append(dot(x(cell.mean), y, css_class, tip))
        parts.append(text(_WIDTH, y + 4, f"{cell.mean:.3f}", "label", "end"))
    return picture(
        _WIDTH, height, f"{metric} with 95 % intervals: {'; '.join(descriptions)}", parts
    )
