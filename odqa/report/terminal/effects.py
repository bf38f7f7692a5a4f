"""Main effects, cells and the honest choice of a grid as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.choice import can_choose
from odqa.comparison.effects import grid_metric
from odqa.escapes import one_line
from odqa.report.terminal.lines import aligned

if TYPE_CHECKING:
    from odqa.comparison.choice import Choice
    from odqa.comparison.effects import Effects
    from odqa.comparison.factorial import Cell
    from odqa.comparison.result import Comparison

_HEADS = (
    "factor",
    "level",
    "n",
    "mean",
    "against the first",
    "p (Holm)",
    "+ms",
    "+GFLOP",
    "+off s",
)


def grid_lines(comparison: Comparison) -> list[str]:
    """All of it for the metric of the grid; empty where the pipelines are those of no grid."""
    metric = grid_metric(comparison)
    if metric is None:
        return []
    effects = comparison.effects(metric)
    blocks = [effect_lines(effects), cell_lines(effects), interaction_lines(effects)]
    if can_choose(comparison, metric):
        blocks.append(choice_lines(comparison.choice(metric)))
    return [line for block in blocks if block for line in ("", *block)][1:]


def effect_lines(effects: Effects) -> list[str]:
    """One line a level: its mean, and what it buys against the first level, at which cost."""
    rows = [[*_HEADS]]
    by_level = {(effect.factor, effect.level): effect for effect in effects.main}
    for factor in effects.grid.factors:
        for cell in effects.levels(factor.key):
            (level,) = cell.levels
            row = [one_line(factor.key), one_line(level), str(len(cell.pipelines)), _mean(cell)]
            effect = by_level.get((factor.key, level))
            if effect is None:
                row += ["", "", "", "", ""]
            else:
                low, high = effect.interval
                row += [
                    f"{effect.difference:+.3f} [{low:+.3f}, {high:+.3f}]",
                    f"{effect.p_corrected:.3g}",
                    *map(
                        _signed, (effect.cost.online_ms, effect.cost.gflop, effect.cost.offline_s)
                    ),
                ]
            rows.append(row)
    title = (
        f"main effects on {effects.metric}: each level averaged over the other factors, on "
        f"{effects.questions} questions (n: pipelines; p: Holm over all main effects; ms and GFLOP "
        "a question, off s a corpus)"
    )
    return [title, *aligned(rows, texts=2)]


def cell_lines(effects: Effects) -> list[str]:
    """Means of every pair of levels of two factors; empty with a single factor."""
    if effects.pair is None:
        return []
    a, b = effects.pair
    cells = {cell.levels: cell for cell in effects.cells(a, b)}
    columns = list(dict.fromkeys(cell.levels[0] for cell in effects.levels(b)))
    rows = [[one_line(f"{a} x {b}"), *map(one_line, columns)]]
    for cell in effects.levels(a):
        (level,) = cell.levels
        found = [cells.get((level, column)) for column in columns]
        rows.append([one_line(level), *("" if each is None else _mean(each) for each in found)])
    return [one_line(f"{effects.metric} by {a} and {b}"), *aligned(rows, texts=1)]


def interaction_lines(effects: Effects, most: int = 20) -> list[str]:
    """Interactions, the surest first."""
    if not effects.interactions:
        return []
    rows = [["interaction", "difference", "p (Holm)"]]
    surest = sorted(effects.interactions, key=lambda each: each.p_corrected)
    for each in surest[:most]:
        parts = [f"{key} {level}" for key, level in zip(each.factors, each.levels, strict=True)]
        low, high = each.interval
        difference = f"{each.difference:+.3f} [{low:+.3f}, {high:+.3f}]"
        rows.append([one_line(" x ".join(parts)), difference, f"{each.p_corrected:.3g}"])
    more = len(surest) - most
    title = "interactions: what both levels buy together beyond the sum of what each buys alone"
    lines = [title, *aligned(rows, texts=1)]
    return [*lines, f"and {more} more (effects.json)"] if more > 0 else lines


def choice_lines(choice: Choice) -> list[str]:
    """The best setting, chosen on one half of the questions and judged on the other."""
    return [one_line(line) for line in choice.lines()]


def _mean(cell: Cell) -> str:
    return f"{cell.mean:.3f} [{cell.interval.low:.3f}, {cell.interval.high:.3f}]"


def _signed(value: float | None) -> str:
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:+.{digits}f}"
