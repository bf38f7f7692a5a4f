"""Means by question set as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.table import tested_metrics
from odqa.report.terminal.lines import aligned

if TYPE_CHECKING:
    from odqa.comparison.by_set import BySet
    from odqa.comparison.result import Comparison


def set_lines(comparison: Comparison) -> list[str]:
    """A table a tested metric, a column a set; empty with a single set."""
    if not comparison.sets:
        return []
    measured = {metric for _, metric in comparison.by_question}
    lines: list[str] = []
    for metric in (metric for metric in tested_metrics(comparison) if metric in measured):
        lines += ["", *_lines(comparison.by_set(metric))]
    return lines[1:]


def _lines(table: BySet) -> list[str]:
    heads = table.heads("p (Holm)")
    rows = [[f"{table.metric} by set", *table.tests, "macro average", *heads.values()]]
    for name, sets in table.values.items():
        mean, (low, high) = table.macro[name]
        rows.append(
            [
                name,
                *(f"{sum(values) / len(values):.3f}" for values in sets.values()),
                f"{mean:.3f} [{low:.3f}, {high:.3f}]",
                *(_p(table.macro_p[base].get(name)) for base in heads),
            ]
        )
    lines = list(aligned(rows, texts=1))
    if len(table.values) > 1:
        taus = [f"{a} and {b} {tau:.2f}" for (a, b), tau in table.rank_correlation.items()]
        lines.append(f"order of pipelines (Kendall's tau): {', '.join(taus)}")
        lines += [
            f"{better} is better than {worse} on {up} and worse on {down}, both significantly"
            for better, worse, up, down in table.reversals
        ]
    return lines


def _p(value: float | None) -> str:
    return "baseline" if value is None else f"{value:.3g}"
