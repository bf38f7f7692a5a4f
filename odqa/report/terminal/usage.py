"""What language models were asked for, as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.usage import price_text, usage_frame
from odqa.escapes import one_line
from odqa.report.terminal.lines import aligned

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_HEADS = (
    *("pipeline", "stage", "notes"),
    *("requests", "from cache", "prompt tok", "answer tok", "price"),
)


def usage_lines(comparison: Comparison) -> list[str]:
    """A line a stage; empty where no stage asks a language model."""
    frame = usage_frame(comparison)
    if frame.empty:
        return []
    rows = [
        [
            *(one_line(row[key]) for key in ("pipeline", "id", "notes")),
            *(str(row[key]) for key in ("requests", "from cache")),
            *(f"{row[key]:.1f}" for key in ("prompt tokens", "completion tokens")),
            price_text(row["price"]),
        ]
        for row in frame.to_dict("records")
    ]
    title = "language models (tokens and price: per question; the others: over all)"
    return [title, *aligned([_HEADS, *rows], texts=3)]
