"""Where questions were lost: one stacked bar a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.metrics.attribution import OUTCOMES, loss_table
from odqa.report.figures.svg import picture, rect, shorten, text

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_LEFT, _WIDTH, _ROW, _TOP = 140, 720, 34, 40
#: CSS class of each outcome.
CSS_CLASSES = {outcome: outcome.replace(" ", "-") for outcome in OUTCOMES}


def losses_figure(comparison: Comparison) -> str | None:
    """Stacked bars; `None` where no pipeline has a reader or no question an accepted answer."""
    table = loss_table(comparison.rows)
    if not table:
        return None
    order = [*reversed(OUTCOMES)]
    parts, x = [], float(_LEFT)
    for outcome in order:
        parts.append(rect(x, 8, 14, 14, f"fill {CSS_CLASSES[outcome]}"))
        parts.append(text(x + 20, 20, outcome, "label"))
        x += 36 + 7.5 * len(outcome)
    descriptions = []
    for row, (pipeline, counts) in enumerate(table.items()):
        y, total, left = _TOP + _ROW * row, sum(counts.values()), float(_LEFT)
        parts.append(text(_LEFT - 8, y + 19, shorten(pipeline, 19), "label", "end"))
        descriptions.append(f"{pipeline}: " + ", ".join(f"{o} {counts[o]}" for o in order))
        for outcome in order:
            width = (_WIDTH - _LEFT) * counts[outcome] / total
            tip = f"{pipeline}, {outcome}: {counts[outcome]} of {total}"
            if width:
                parts.append(rect(left, y, width, _ROW - 8, f"fill {CSS_CLASSES[outcome]}", tip))
            if width > 9 * len(str(counts[outcome])):
                count = str(counts[outcome])
                css_class = f"on {CSS_CLASSES[outcome]}"
                parts.append(text(left + width / 2, y + 18, count, css_class, "middle"))
            left += width
    height = _TOP + _ROW * len(table)
    return picture(
        _WIDTH, height, f"What became of the questions. {'; '.join(descriptions)}.", parts
    )
