"""Which questions a pipeline fixes or breaks against the baseline, and which stage did it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import quote

from odqa.metrics.attribution import Change, differences, outcomes
from odqa.report.sections.table import Cell, Column, Table, name, number

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_COLUMNS = (
    Column("pipeline", number=False),
    Column("fixed", "right here, wrong in the baseline"),
    Column("what the baseline lost them by", number=False),
    Column("broken", "wrong here, right in the baseline"),
    Column("what lost them here", number=False),
    Column("both right"),
    Column("both wrong"),
)


_STAGES = (
    Column("pipeline", number=False),
    Column("stage", "its id in the pipeline", number=False),
    Column("role", number=False),
    Column(
        "questions lost",
        "it got a passage with an accepted answer and gave none; a reader: the "
        "answer was another. Members of a fusion that all found none count each",
    ),
)


def changes_table(comparison: Comparison) -> Table | None:
    """Every other pipeline against the baseline; `None` where nothing can be attributed."""
    known, base = outcomes(comparison.rows), comparison.baseline
    others = [pipeline for pipeline in known if pipeline != base]
    if base not in known or not others:
        return None
    rows = []
    for pipeline in others:
        found = differences(comparison.rows, base, pipeline)
        count: Counter[Change] = Counter(each.change for each in found)
        stages: dict[Change, Counter[str]] = {"fixed": Counter(), "broken": Counter()}
        for each in found:
            if each.change in stages:
                wrong = base if each.change == "fixed" else pipeline
                lost = comparison.lost_by[wrong].get(each.question_id, ())
                stages[each.change][" + ".join(lost)] += 1
        rows.append(
            (
                name(pipeline),
                _linked(count["fixed"], pipeline, base),
                name(_said(stages["fixed"])),
                _linked(count["broken"], base, pipeline),
                name(_said(stages["broken"])),
                Cell(str(count["both right"]), count["both right"]),
                Cell(str(count["both wrong"]), count["both wrong"]),
            )
        )
    caption = f"Questions fixed and broken against the baseline {base}"
    return Table("changes", caption, _COLUMNS, tuple(rows))


def stages_table(comparison: Comparison) -> Table | None:
    """How many questions every stage lost; `None` where nothing can be attributed."""
    if not comparison.lost_by:
        return None
    rows = [
        (name(pipeline), name(node.id), name(node.role), number(lost[node.id], 0))
        for pipeline in comparison.lost_by
        for lost in [comparison.lost_counts(pipeline)]
        for node in comparison.pipelines[pipeline].spec.graph.nodes
        if node.id in lost
    ]
    return Table("stages", "Questions lost by each stage", _STAGES, tuple(rows))


def _linked(count: int, right: str, wrong: str) -> Cell:
    link = f"#right={quote(right)}&wrong={quote(wrong)}" if count else ""
    return Cell(str(count), count, link=link)


def _said(stages: Counter[str]) -> str:
    return ", ".join(f"{stage} {count}" for stage, count in stages.most_common())
