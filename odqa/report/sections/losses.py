"""Questions fixed, broken and lost: by pipelines against the baseline, and by stages."""

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
    """Every other pipeline against every baseline; `None` where nothing can be attributed."""
    by_pipeline = outcomes(comparison.rows)
    baselines = [name for name in comparison.baselines if name in by_pipeline]
    several = len(baselines) > 1
    compared = [
        (baseline, pipeline)
        for position, baseline in enumerate(baselines)
        for pipeline in by_pipeline
        if pipeline not in baselines[: position + 1]
    ]
    if not compared:
        return None
    rows = []
    for baseline, pipeline in compared:
        pairs = differences(comparison.rows, baseline, pipeline)
        count: Counter[Change] = Counter(pair.change for pair in pairs)
        stages: dict[Change, Counter[str]] = {"fixed": Counter(), "broken": Counter()}
        for pair in pairs:
            if pair.change in stages:
                wrong = baseline if pair.change == "fixed" else pipeline
                lost = comparison.lost_by[wrong].get(pair.question_id, ())
                stages[pair.change][" + ".join(lost)] += 1
        rows.append(
            (
                name(pipeline),
                *([name(baseline)] if several else []),
                _linked(count["fixed"], pipeline, baseline),
                name(_stage_counts(stages["fixed"])),
                _linked(count["broken"], baseline, pipeline),
                name(_stage_counts(stages["broken"])),
                Cell(str(count["both right"]), count["both right"]),
                Cell(str(count["both wrong"]), count["both wrong"]),
            )
        )
    names = ", ".join(baselines)
    caption = f"Questions fixed and broken against the baseline{'s' if several else ''} {names}"
    first, *others = _COLUMNS
    extra = [Column("baseline", number=False)] if several else []
    return Table("changes", caption, (first, *extra, *others), tuple(rows))


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


def _stage_counts(stages: Counter[str]) -> str:
    return ", ".join(f"{stage} {count}" for stage, count in stages.most_common())
