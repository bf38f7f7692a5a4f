"""A comparison as plain text: the verdict in one sentence, then tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from odqa.comparison.costs import NOT_REPORTED, joules_of
from odqa.comparison.verdict import notices, verdict
from odqa.escapes import one_line, visible
from odqa.report.terminal.effects import grid_lines
from odqa.report.terminal.lines import paired_lines, stage_lines
from odqa.report.terminal.sets import set_lines
from odqa.report.terminal.specs import spec_lines
from odqa.report.terminal.summary import Style, summary_lines
from odqa.report.terminal.usage import usage_lines

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def render(comparison: Comparison) -> str:
    """All of it, as wide as it is: summary, paired tests, stages, specs side by side, notices."""
    parts = [
        [verdict(comparison)],
        summary_lines(comparison),
        set_lines(comparison),
        grid_lines(comparison),
        paired_lines(comparison),
        stage_lines(comparison),
        usage_lines(comparison),
        spec_lines(comparison),
        _notes(comparison),
    ]
    return visible("\n\n".join("\n".join(lines) for lines in parts if lines))


def render_summary(
    comparison: Comparison,
    metrics: Sequence[str] = (),
    width: int | None = None,
    bold: Style = str,
) -> str:
    """Verdict, summary and notices, for a terminal of this width; see `summary_lines`."""
    metric = metrics[0] if metrics else None
    parts = [
        [visible(verdict(comparison, metric))],
        summary_lines(comparison, metrics, width, bold),
        set_lines(comparison),
        grid_lines(comparison),
        _notes(comparison),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _notes(comparison: Comparison) -> list[str]:
    costs = [cost for result in comparison.pipelines.values() for cost in result.costs]
    notes = []
    if all(cost.peak_bytes is None for cost in costs):
        notes.append(f"peak MB: {NOT_REPORTED}")
    if joules_of([cost.online for cost in costs]) is None:
        notes.append(f"J / question: {NOT_REPORTED}")
    return [*notes, *(f"note: {one_line(notice)}" for notice in notices(comparison))]
