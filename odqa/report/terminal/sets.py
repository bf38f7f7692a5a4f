"""Means by question set as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.by_set import MACRO
from odqa.comparison.table import tested_metrics
from odqa.report.terminal.lines import aligned

if TYPE_CHECKING:
    from odqa.comparison.by_set import BySet
    from odqa.comparison.result import Comparison


#: Pipelines that come first less often than that are not named.
_FREQUENT = 0.05
#: Pipelines named for each set; of others the number is said.
_NAMED = 3


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
        lines.append(f"order of pipelines (Kendall's tau, 95 % interval): {rank_text(table)}")
        lines.append(f"first in resamples: {first_text(table)}")
        lines += [
            f"{better} is better than {worse} on {up} and worse on {down}, both significantly"
            for better, worse, up, down in table.reversals
        ]
        lines.append(table.conclusion())
    return lines


def _p(value: float | None) -> str:
    return "baseline" if value is None else f"{value:.3g}"


def rank_text(table: BySet) -> str:
    """``A and B 0.87 [0.60, 1.00]`` for every two sets; ``-`` where all pipelines are equal."""
    return ", ".join(
        f"{a} and {b} {tau:.2f} [{low:.2f}, {high:.2f}]" if tau == tau else f"{a} and {b} -"
        for (a, b), tau in table.rank_correlation.items()
        for low, high in [table.rank_intervals[a, b]]
    )


def first_text(table: BySet) -> str:
    """``A sbert 0.93; B retro 0.55, sbert 0.45``: who comes first in a twentieth of resamples."""
    parts = []
    for name, shares in table.first.items():
        frequent = sorted(
            (item for item in shares.items() if item[1] >= _FREQUENT), key=lambda item: -item[1]
        )
        label = "macro average" if name == MACRO else name
        named = [f"{pipeline} {share:.2f}" for pipeline, share in frequent[:_NAMED]]
        if others := len(frequent) - len(named):
            named.append(f"{others} more")
        parts.append(f"{label} {', '.join(named)}")
    return "; ".join(parts)
