"""Means with their intervals: one small figure a metric, one row a pipeline."""

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
        # Often all are 1, which no share exceeds: room below, and above only where there is none.
        lowest, highest = max(0.0, lowest - 0.1), max(0.1, highest)
    marks = ticks(lowest, highest)
    low, high = marks[0], marks[-1]
    height = _TOP + _ROW * len(cells) + 22

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    parts = [text(0, 14, metric, "fig-title")]
    for mark in marks:
        parts.append(line(x(mark), _TOP, x(mark), height - 20, "grid"))
        parts.append(text(x(mark), height - 6, f"{mark:.2g}", "tick", "middle"))
    said = []
    for row, cell in enumerate(cells):
        y = _TOP + _ROW * (row + 0.5)
        kind = "dot hollow" if cell.pipeline == comparison.baseline else "dot"
        tip = (
            f"{cell.pipeline}: {cell.mean:.3f}, {cell.interval.low:.3f} to {cell.interval.high:.3f}"
        )
        said.append(tip)
        parts.append(text(_LEFT - 8, y + 4, shorten(cell.pipeline, 19), "label", "end"))
        parts.append(line(x(cell.interval.low), y, x(cell.interval.high), y, "whisker"))
        parts.append(dot(x(cell.mean), y, kind, tip))
        parts.append(text(_WIDTH, y + 4, f"{cell.mean:.3f}", "label", "end"))
    return picture(_WIDTH, height, f"{metric} with 95 % intervals: {'; '.join(said)}", parts)
