"""Every pipeline against every other, and who has which questions right, as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.all_pairs import LEVEL
from odqa.comparison.table import tested_metrics
from odqa.report.terminal.lines import POWER, aligned

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def pair_lines(comparison: Comparison) -> list[str]:
    """One line a pair and tested metric, the better pipeline first; those that differ end in *."""
    measured = {metric for _, metric in comparison.by_question}
    lines: list[str] = []
    for metric in (metric for metric in tested_metrics(comparison) if metric in measured):
        pairs = comparison.pairs(metric)
        rows = [["better", "than", "difference", "p", "p (Holm)", "needed", "detectable", ""]]
        for row in pairs.frame().to_dict("records"):
            interval = f"[{row['low']:+.3f}, {row['high']:+.3f}]"
            needed, shown = row["needed"], row["detectable"]
            rows.append(
                [
                    *(row["better"], row["worse"], f"{row['difference']:+.3f} {interval}"),
                    *(f"{row['p']:.3g}", f"{row['p (Holm)']:.3g}"),
                    "-" if needed is None or needed != needed else f"{needed:.0f}",
                    "-" if shown is None or shown != shown else f"{shown:.3f}",
                    "*" if row["p (Holm)"] < LEVEL else "",
                ]
            )
        title = f"{metric}, every pair (*: p < {LEVEL}, Holm; {POWER})"
        lines += ["", title, *aligned(rows, texts=2)]
    return lines[1:]


def overlap_lines(comparison: Comparison) -> list[str]:
    """Shares of questions that any, all or a single pipeline has right, and kappa by pair."""
    overlap = comparison.overlap()
    frame, agreement = overlap.frame(), overlap.agreement()
    rows = [["pipeline", *map(str, frame.columns)]]
    rows += [
        [str(name), f"{row.iloc[0]:.3f}", *(f"{value:.0f}" for value in row.iloc[1:])]
        for name, row in frame.iterrows()
    ]
    numbers = [f"{position})" for position in range(1, len(agreement) + 1)]
    kappas = [["agreement (kappa)", *numbers]]
    kappas += [
        [f"{number} {name}", *(f"{value:.2f}" for value in agreement.loc[name])]
        for number, name in zip(numbers, agreement.index, strict=True)
    ]
    return [str(overlap), *aligned(rows, texts=1), "", *aligned(kappas, texts=1)]
