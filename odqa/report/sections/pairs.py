"""Every pipeline against every other, and every question set by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.all_pairs import LEVEL
from odqa.comparison.quality import LETTERS_FROM, LETTERS_UP_TO
from odqa.comparison.verdict import deciding_metric
from odqa.report.sections.table import Cell, Column, Table, name, number, p_value
from odqa.report.terminal.sets import first_text, rank_text

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def pairs_table(comparison: Comparison) -> Table | None:
    """Differences of the deciding metric, row minus column; `None` for fewer than three.

    And for more than there are letters for: `odqa table RUN --pairs` lists those.
    """
    metric = deciding_metric(comparison)
    measured = [p for p, m in comparison.by_question if m == metric]
    if metric is None or not LETTERS_FROM <= len(measured) <= LETTERS_UP_TO:
        return None
    pairs = comparison.pairs(metric)
    columns = [Column("pipeline", number=False), *map(Column, pairs.means)]
    rows = []
    for row in pairs.means:
        cells = [name(row, pairs.letters[row])]
        for column in pairs.means:
            if row == column:
                cells.append(Cell(""))
                continue
            test, sign = pairs.test(row, column)
            low, high = sorted((sign * test.interval.low, sign * test.interval.high))
            mark = " *" if test.p_corrected < LEVEL else ""
            difference = sign * test.difference
            small = f"{low:+.3f} to {high:+.3f}, p {test.p_corrected:.2g}"
            cells.append(Cell(f"{difference:+.3f}{mark}", difference, small))
        rows.append(tuple(cells))
    caption = (
        f"{metric}, row minus column, with 95 % intervals and p (Holm, all pairs; *: below "
        f"{LEVEL}); pipelines that share a letter cannot be told apart"
    )
    return Table("pairs", caption, tuple(columns), tuple(rows))


def sets_table(comparison: Comparison) -> Table | None:
    """The deciding metric by question set; `None` where there is one set."""
    metric = deciding_metric(comparison)
    if metric is None or not comparison.sets:
        return None
    table = comparison.by_set(metric)
    columns = [Column("pipeline", number=False), *map(Column, table.tests)]
    columns.append(Column("macro average", "mean of the means of all sets, with its 95 % interval"))
    heads = table.heads("p (Holm)")
    meaning = "of the macro average against the baseline"
    columns += [Column(head, f"{meaning} {base}") for base, head in heads.items()]
    rows = []
    for pipeline, sets in table.values.items():
        mean, (low, high) = table.macro[pipeline]
        rows.append(
            (
                name(pipeline, "baseline" if pipeline in comparison.baselines else ""),
                *(number(sum(values) / len(values), 3) for values in sets.values()),
                number(mean, 3, f"{low:.3f} to {high:.3f}"),
                *(p_value(table.macro_p[base].get(pipeline)) for base in heads),
            )
        )
    note = ""
    if len(rows) > 1:
        note = (
            f"{table.conclusion()} Order of pipelines (Kendall's tau, 95 % interval): "
            f"{rank_text(table)}. First in resamples: {first_text(table)}."
        )
    return Table("sets", f"{metric} by question set", tuple(columns), tuple(rows), note)
