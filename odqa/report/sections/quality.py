"""Quality: means with intervals, and the paired tests against the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.quality import QualityColumn, quality_columns
from odqa.comparison.table import tested_metrics, tests_for
from odqa.errors import RunError
from odqa.metrics.catalogue import describe, in_order, stage_of
from odqa.report.sections.table import Cell, Column, Table, name, number, p_value

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison
    from odqa.metrics.statistics.pairs import PairedComparison


def quality_table(comparison: Comparison) -> Table:
    """One row a pipeline, the headline metrics as columns."""
    quality = quality_columns(comparison)
    columns = [Column("pipeline", number=False)]
    columns += [Column(column.metric, meaning(column.metric)) for column in quality]
    rows = [
        (
            name(pipeline, "baseline" if pipeline in comparison.baselines else ""),
            *(_with_letters(column, pipeline) for column in quality),
        )
        for pipeline in comparison.pipelines
    ]
    caption = "Mean over all questions with its 95 % bootstrap interval"
    if any(column.letters for column in quality):
        caption += "; pipelines that share a letter cannot be told apart"
    return Table("quality", caption, tuple(columns), tuple(rows))


def metrics_table(comparison: Comparison) -> Table:
    """Every metric that was measured: one row each, pipelines as columns."""
    measured = in_order({m for _, m in comparison.by_question if not stage_of(m)})
    columns = [Column("metric", number=False)]
    columns += [Column(pipeline) for pipeline in comparison.pipelines]
    columns.append(Column("meaning", number=False))
    rows = [
        (
            name(metric),
            *(_mean(comparison, pipeline, metric) for pipeline in comparison.pipelines),
            name(meaning(metric)),
        )
        for metric in measured
    ]
    return Table("metrics", "All metrics that were measured", tuple(columns), tuple(rows))


def stage_metrics_table(comparison: Comparison) -> Table | None:
    """Metrics of every stage that gives passages, one row each; `None` without any."""
    measured = {m.rpartition("/")[2] for _, m in comparison.by_question if stage_of(m)}
    metrics = in_order(f"/{m}" for m in measured)
    columns = [Column("pipeline", number=False), Column("stage", number=False)]
    columns += [Column(m.removeprefix("/"), meaning(f"stage{m}")) for m in metrics]
    rows = [
        (
            name(pipeline),
            name(node.id),
            *(_mean(comparison, pipeline, f"{node.id}{m}") for m in metrics),
        )
        for pipeline, result in comparison.pipelines.items()
        for node in result.spec.graph.with_hits
        if any((pipeline, f"{node.id}{m}") in comparison.summaries for m in metrics)
    ]
    if not rows:
        return None
    return Table("stage-metrics", "Passages that each stage gives", tuple(columns), tuple(rows))


def tests_table(comparison: Comparison) -> Table | None:
    """Every other pipeline against every baseline, question by question; `None` without any."""
    tests = [
        test for metric in tested_metrics(comparison) for test in tests_for(comparison, metric)
    ]
    if not tests:
        return None
    several = len(comparison.baselines) > 1
    columns = (
        Column("pipeline", number=False),
        *([Column("baseline", number=False)] if several else []),
        Column("metric", number=False),
        Column("difference", "this pipeline minus the baseline, with its 95 % interval"),
        Column("p (Holm)", "two-sided, corrected over all pipelines of this metric"),
        Column("p", "two-sided, not corrected"),
        Column("test", number=False),
        Column("effect d", "Cohen's d of the paired differences"),
        Column("win / tie / loss", "questions on which this pipeline is better, equal, worse"),
        Column("needed", "questions needed to see this difference with 80 % power at 0.05"),
        Column("detectable", "smallest difference that these questions show with 80 % power"),
        Column("questions", "questions that both have a value for"),
    )
    names = ", ".join(comparison.baselines)
    caption = f"Paired tests against the baseline{'s' if several else ''} {names}"
    return Table("tests", caption, columns, tuple(_test_row(test, several) for test in tests))


def meaning(metric: str) -> str:
    """What a metric means; empty for one that a plug-in brought."""
    try:
        return describe(metric).meaning
    except RunError:
        return ""


def _mean(comparison: Comparison, pipeline: str, metric: str) -> Cell:
    cell = comparison.summaries.get((pipeline, metric))
    if cell is None:
        return Cell("")
    return number(cell.mean, 3, f"{cell.interval.low:.3f} to {cell.interval.high:.3f}")


def _with_letters(column: QualityColumn, pipeline: str) -> Cell:
    cell = column.means.get(pipeline)
    if cell is None:
        return Cell("")
    interval = f"{cell.interval.low:.3f} to {cell.interval.high:.3f}"
    text = f"{cell.mean:.3f} {column.letters.get(pipeline, '')}".rstrip()
    return Cell(text, cell.mean, interval)


def _test_row(test: PairedComparison, with_baseline: bool) -> tuple[Cell, ...]:
    counts = test.counts
    return (
        name(test.candidate),
        *([name(test.baseline)] if with_baseline else []),
        name(test.metric),
        Cell(
            f"{test.difference:+.3f}",
            test.difference,
            f"{test.interval.low:+.3f} to {test.interval.high:+.3f}",
        ),
        p_value(test.p_corrected),
        p_value(test.p_value),
        name(test.test),
        Cell(f"{test.effect_size:+.2f}", test.effect_size),
        Cell(f"{counts.wins} / {counts.ties} / {counts.losses}", counts.wins - counts.losses),
        number(test.questions_needed, 0) if test.questions_needed is not None else Cell("—"),
        number(test.detectable, 3) if test.detectable is not None else Cell("—"),
        number(test.questions, 0),
    )
