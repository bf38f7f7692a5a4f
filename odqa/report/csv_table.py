"""The table of a comparison as comma-separated values, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from odqa.comparison.cost_totals import COST_NAMES, cost_totals
from odqa.comparison.quality import QualityColumn, quality_columns
from odqa.escapes import spreadsheet

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def to_csv(comparison: Comparison, metrics: Sequence[str] = ()) -> str:
    """A header and a row a pipeline, lines ended by a line feed.

    After ``pipeline`` and ``questions`` every metric M has ``M``, the ends of its 95 % interval
    ``M_low`` and ``M_high`` and, where pipelines are tested on it, ``M_letters`` (who shares one
    cannot be told apart); then come the totals of `odqa.comparison.cost_totals`. Figures have six
    significant digits; a cell is empty where a figure is not known.

    Args:
        metrics: the columns; by default those of the comparison.

    Raises:
        RunError: a metric that no pipeline has.
    """
    columns = quality_columns(comparison, metrics)
    questions = len(comparison.questions)
    lines = io.StringIO()
    rows = csv.writer(lines, lineterminator="\n")
    heads = [head for column in columns for head in _heads(column)]
    rows.writerow(["pipeline", "questions", *heads, *COST_NAMES])
    for name, result in comparison.pipelines.items():
        cells = [cell for column in columns for cell in _cells(column, name)]
        totals = cost_totals(result, questions)
        rows.writerow(
            [spreadsheet(name), questions, *cells, *(_figure(totals[key]) for key in COST_NAMES)]
        )
    return lines.getvalue()


def _heads(column: QualityColumn) -> Iterator[str]:
    yield from (column.metric, f"{column.metric}_low", f"{column.metric}_high")
    if column.letters:
        yield f"{column.metric}_letters"


def _cells(column: QualityColumn, name: str) -> Iterator[str]:
    cell = column.means.get(name)
    figures = (None,) * 3 if cell is None else (cell.mean, cell.interval.low, cell.interval.high)
    yield from map(_figure, figures)
    if column.letters:
        yield column.letters.get(name, "")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
