"""Tables of chosen metrics for papers (LaTeX) and pages (Markdown): best in bold, with letters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from odqa.comparison.quality import QualityColumn, quality_columns
from odqa.comparison.verdict import notices, verdict
from odqa.escapes import latex, markdown

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

#: Rules of booktabs, for documents that do not load it.
RULES = "".join(
    f"\\providecommand{{\\{rule}}}{{\\hline}}" for rule in ("toprule", "midrule", "bottomrule")
)
_LETTERS = "Pipelines that share a letter cannot be told apart (p >= 0.05, Holm over all pairs)."


def to_markdown(comparison: Comparison, metrics: Sequence[str] = ()) -> str:
    """Verdict, table and notices as GitHub-flavoured Markdown.

    Args:
        metrics: the columns; by default those of the comparison.

    Raises:
        RunError: a metric that no pipeline has.
    """
    columns = quality_columns(comparison, metrics)
    header = ["pipeline", *(f"{column.group} {column.short}" for column in columns)]
    lines = [markdown_row(map(markdown, header)), markdown_row(["---"] + ["---:"] * len(columns))]
    lines += [
        markdown_row([markdown(name), *(_markdown_cell(column, name) for column in columns)])
        for name in comparison.pipelines
    ]
    notes = [f"> {markdown(notice)}" for notice in notices(comparison)]
    if any(column.letters for column in columns):
        notes.insert(0, f"> {markdown(_LETTERS)}")
    parts = [
        markdown(verdict(comparison, metrics[0] if metrics else None)),
        "\n".join(lines),
        "\n>\n".join(notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_latex(comparison: Comparison, metrics: Sequence[str] = ()) -> str:
    r"""A ``table`` with caption and label that compiles as it is, nicer with ``booktabs``.

    Intervals are set in small type after their means, letters above the line.

    Args:
        metrics: the columns; by default those of the comparison.

    Raises:
        RunError: a metric that no pipeline has.
    """
    columns = quality_columns(comparison, metrics)
    caption = (
        f"{comparison.name}, {len(comparison.questions)} questions: means with 95 % intervals."
    )
    if any(column.letters for column in columns):
        caption += f" {_LETTERS}"
    lines = [
        RULES,
        "\\begin{table}",
        "  \\centering",
        f"  \\caption{{{latex(caption)}}}",
        f"  \\label{{tab:{label(comparison.name)}}}",
        f"  \\begin{{tabular}}{{l{'r' * len(columns)}}}",
        "    \\toprule",
        f"    {latex_row(['pipeline', *(latex(f'{c.group} {c.short}') for c in columns)])}",
        "    \\midrule",
        *(
            f"    {latex_row([latex(name), *(_latex_cell(column, name) for column in columns)])}"
            for name in comparison.pipelines
        ),
        "    \\bottomrule",
        "  \\end{tabular}",
        *(f"  % {latex(notice)}" for notice in notices(comparison)),
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def label(name: str) -> str:
    """A name as part of a LaTeX label: ASCII letters, digits and dashes."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name)


def markdown_row(cells: Iterable[str]) -> str:
    """A row of a Markdown table; cells are escaped already."""
    return f"| {' | '.join(cells)} |"


def _markdown_cell(column: QualityColumn, name: str) -> str:
    cell = column.means.get(name)
    if cell is None:
        return ""
    mean = f"**{cell.mean:.3f}**" if name in column.best else f"{cell.mean:.3f}"
    interval = f"[{cell.interval.low:.3f}, {cell.interval.high:.3f}]"
    return f"{mean} {interval} {column.letters.get(name, '')}".rstrip()


def latex_row(cells: Iterable[str]) -> str:
    """A row of a LaTeX table; cells are escaped already."""
    return " & ".join(cells) + r" \\"


def _latex_cell(column: QualityColumn, name: str) -> str:
    cell = column.means.get(name)
    if cell is None:
        return ""
    mean = f"\\textbf{{{cell.mean:.3f}}}" if name in column.best else f"{cell.mean:.3f}"
    interval = f"{{\\scriptsize [{cell.interval.low:.3f}, {cell.interval.high:.3f}]}}"
    letters = column.letters.get(name)
    return f"{mean} {interval}" + (f"\\textsuperscript{{{letters}}}" if letters else "")
