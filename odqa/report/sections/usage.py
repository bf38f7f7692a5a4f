"""Table of what language models were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.usage import price_text, usage_frame
from odqa.report.sections.table import Cell, Column, Table, name, number

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_COLUMNS = (
    Column("pipeline", number=False),
    Column("stage", number=False),
    Column("component", number=False),
    Column("requests", "over all questions"),
    Column("from cache", "requests that were answered before; they count as when they were sent"),
    Column("prompt tokens", "per question"),
    Column("completion tokens", "per question"),
    Column("price", "per question, by the spec's prices; 0 for models that run here"),
    Column("notes", "over all questions", number=False),
)


def usage_table(comparison: Comparison) -> Table | None:
    """Tokens and prices by stage; `None` where no stage asks a language model."""
    frame = usage_frame(comparison)
    if frame.empty:
        return None
    rows = tuple(
        (
            name(row["pipeline"]),
            name(row["stage"]),
            name(row["component"] if row["id"] == row["component"] else _with_id(row)),
            number(row["requests"], 0),
            number(row["from cache"], 0),
            number(row["prompt tokens"], 1),
            number(row["completion tokens"], 1),
            _price(row["price"]),
            name(row["notes"]),
        )
        for row in frame.to_dict("records")
    )
    return Table("usage", "Language models: for every question", _COLUMNS, rows)


def _with_id(row: dict[str, str]) -> str:
    return f"{row['component']} ({row['id']})"


def _price(price: float) -> Cell:
    return Cell(price_text(price), None if price != price else price)  # NaN
