"""What each factor of a grid buys and costs, cells of two factors, and the honest choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.verdict import SIGNIFICANT
from odqa.report.sections.table import Cell, Column, Table, name, number, significant

if TYPE_CHECKING:
    from odqa.comparison.choice import Choice
    from odqa.comparison.effects import Effects

_EFFECTS = (
    Column("factor", number=False),
    Column("level", number=False),
    Column("pipelines", "how many have this level"),
    Column("mean", "over all pipelines with this level, with its 95 % interval"),
    Column("against the first level", "over pairs of pipelines that are equal otherwise"),
    Column("p (Holm)", "paired, by question; over all main effects of the metric"),
    Column("+ ms", "online milliseconds more per question, in batches"),
    Column("+ GFLOP", "more per question, from shapes; empty where no formula is known"),
    Column("+ offline s", "seconds more, once per corpus"),
)
_INTERACTIONS = (
    Column("interaction", number=False),
    Column("difference", "both levels - the first alone - the second alone + neither"),
    Column("p (Holm)", "over all interactions of the metric"),
)


def effects_table(effects: Effects) -> Table:
    """One row a level of a factor."""
    rows = []
    by_level = {(effect.factor, effect.level): effect for effect in effects.main}
    for factor in effects.grid.factors:
        for cell in effects.levels(factor.key):
            (level,) = cell.levels
            low, high = cell.interval
            row = [
                name(factor.key),
                name(level),
                number(len(cell.pipelines), 0),
                number(cell.mean, 3, f"{low:.3f} to {high:.3f}"),
            ]
            effect = by_level.get((factor.key, level))
            if effect is None:
                row += [Cell("first level"), *[Cell("")] * 4]
            else:
                row += [
                    _difference(effect.difference, *effect.interval),
                    _p(effect.p_corrected),
                    significant(effect.cost.online_ms),
                    significant(effect.cost.gflop),
                    significant(effect.cost.offline_s),
                ]
            rows.append(tuple(row))
    caption = (
        f"Main effects on {effects.metric}: each level averaged over the other factors, on "
        f"{effects.questions} questions"
    )
    return Table("effects", caption, _EFFECTS, tuple(rows))


def cells_table(effects: Effects) -> Table | None:
    """Means of two factors' levels with what they cost; `None` with a single factor."""
    if effects.pair is None:
        return None
    a, b = effects.pair
    cells = {cell.levels: cell for cell in effects.cells(a, b)}
    levels = [cell.levels[0] for cell in effects.levels(b)]
    rows = []
    for row in effects.levels(a):
        texts = [name(row.levels[0])]
        for level in levels:
            cell = cells.get((row.levels[0], level))
            if cell is None:
                texts.append(Cell(""))
                continue
            low, high = cell.interval
            texts.append(
                number(cell.mean, 3, f"{low:.3f} to {high:.3f}, {cell.cost.online_ms:.3g} ms")
            )
        rows.append(tuple(texts))
    columns = (Column(f"{a} \\ {b}", number=False), *map(Column, levels))
    caption = f"{effects.metric} and online ms per question, by {a} (rows) and {b} (columns)"
    return Table("cells", caption, columns, tuple(rows))


def interactions_table(effects: Effects) -> Table | None:
    """Every interaction; `None` where there is none."""
    rows = []
    for each in effects.interactions:
        parts = [f"{key} {level}" for key, level in zip(each.factors, each.levels, strict=True)]
        difference = _difference(each.difference, *each.interval)
        rows.append((name(" × ".join(parts)), difference, _p(each.p_corrected)))
    caption = "Interactions: what two levels buy together beyond the sum of what each buys alone"
    return Table("interactions", caption, _INTERACTIONS, tuple(rows)) if rows else None


def choice_table(choice: Choice) -> Table:
    """The two directions of the split."""
    columns = (
        Column("chosen on", number=False),
        Column("pipeline", number=False),
        Column("mean there", "of the questions that chose it"),
        Column("mean on the other half", "of questions that had no part in the choice"),
    )
    rows = []
    for half, each in zip(("half 1", "half 2"), choice.halves, strict=True):
        low, high = each.interval
        rows.append(
            (
                name(f"{half}, {each.chosen_on} questions"),
                name(each.pipeline),
                number(each.apparent, 3),
                number(each.judged, 3, f"{low:.3f} to {high:.3f}"),
            )
        )
    caption = (
        f"The best of {choice.candidates} by {choice.metric}, chosen on one half of the questions "
        "and judged on the other"
    )
    return Table("choice", caption, columns, tuple(rows))


def _difference(value: float, low: float, high: float) -> Cell:
    return Cell(f"{value:+.3f}", value, f"{low:+.3f} to {high:+.3f}")


def _p(value: float) -> Cell:
    return Cell(f"{value:.2g}", value, badge="significant" if value < SIGNIFICANT else "")
