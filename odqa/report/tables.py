"""The summary table as LaTeX (booktabs) and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from odqa.comparison.verdict import notices, verdict
from odqa.escapes import latex, markdown

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_INTERVAL = re.compile(r"(-?[\d.]+) \[(-?[\d.]+), (-?[\d.]+)\]")


def to_markdown(comparison: Comparison) -> str:
    """Verdict, table and notices as GitHub-flavoured Markdown."""
    header, rows = _cells(comparison)
    lines = [_markdown_row(map(markdown, header))]
    lines.append(_markdown_row(["---"] + ["---:"] * (len(header) - 1)))
    lines += [_markdown_row(map(_markdown_cell, row)) for row in rows]
    notes = [f"> {markdown(notice)}" for notice in notices(comparison)]
    parts = [markdown(verdict(comparison)), "\n".join(lines), "\n>\n".join(notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_latex(comparison: Comparison) -> str:
    r"""A ``table`` for a paper; it needs ``\usepackage{booktabs}`` only.

    Intervals are set in small type after their means.
    """
    header, rows = _cells(comparison)
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "  \\centering",
        f"  \\caption{{{latex(verdict(comparison))}}}",
        f"  \\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
        "    \\toprule",
        f"    {_latex_row(header)}",
        "    \\midrule",
        *(f"    {_latex_row(row)}" for row in rows),
        "    \\bottomrule",
        "  \\end{tabular}",
        *(f"  % {latex(notice)}" for notice in notices(comparison)),
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _cells(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the summary table; columns that are empty everywhere are left out."""
    frame = comparison.table()
    columns = [column for column in frame.columns if any(str(cell) for cell in frame[column])]
    header = ["pipeline", *(str(column) for column in columns)]
    rows = [
        [str(name), *(str(frame.loc[name, column]) for column in columns)] for name in frame.index
    ]
    return header, rows


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: str) -> str:
    return cell if _INTERVAL.fullmatch(cell) else markdown(cell)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex_cell, cells)) + r" \\"


def _latex_cell(cell: str) -> str:
    interval = _INTERVAL.fullmatch(cell)
    if interval is None:
        return latex(cell)
    mean, low, high = interval.groups()
    return f"{mean} {{\\scriptsize [{low}, {high}]}}"
