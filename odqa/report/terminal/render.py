"""A comparison as plain text: the verdict in one sentence, then tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.costs import NOT_REPORTED
from odqa.comparison.table import table
from odqa.comparison.verdict import notices, verdict
from odqa.escapes import one_line, visible
from odqa.report.terminal.lines import paired_lines, stage_lines

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def render(comparison: Comparison) -> str:
    """Verdict, table (one column a pipeline), paired tests, stages and notices."""
    frame = table(comparison).drop(columns="offline")
    # A column that no machine reported becomes one note, not a row.
    missing = [name for name in frame if set(frame[name]) == {NOT_REPORTED}]
    empty = [name for name in frame if set(frame[name]) == {""}]
    columns = frame.drop(columns=[*missing, *empty]).T
    columns.columns.name = None
    notes = [f"{name}: {NOT_REPORTED}" for name in missing]
    notes += [f"note: {one_line(notice)}" for notice in notices(comparison)]
    parts = [[verdict(comparison)], [columns.to_string()], paired_lines(comparison)]
    parts += [stage_lines(comparison), notes]
    return visible("\n\n".join("\n".join(lines) for lines in parts if lines))
