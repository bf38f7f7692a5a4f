"""Paired tests and stages as plain text, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING

from odqa.comparison.frames import paired_frame, stage_frame

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_TEST_HEADS = (
    "metric",
    "pipeline",
    "difference",
    "p",
    "p (Holm)",
    "d",
    "w / t / l",
    "needed",
    "detectable",
)
#: What two columns of tests mean.
POWER = "with 80 % power, needed: questions, detectable: difference"
#: Characters of offline work at most; report and frame have the full text.
_LONGEST = 40
_STAGE_FIGURES = {
    "off s": "offline s",
    "load s": "load s",
    "MB": "stored MB",
    "M par": "parameters M",
    "GFLOP": "GFLOP",
    "ms": "online ms",
    "q / s": "questions / s",
    "p50": "p50 ms",
    "p95": "p95 ms",
    "p99": "p99 ms",
    "peak MB": "peak MB",
    "J": "J / question",
    "tokens": "tokens / question",
    "lost": "lost",
}


def paired_lines(comparison: Comparison) -> list[str]:
    """Every paired test, a table a baseline; empty with a single pipeline."""
    frame = paired_frame(comparison)
    if frame.empty:
        return []
    rows = {baseline: [_TEST_HEADS] for baseline in frame["baseline"]}
    for test in frame.to_dict("records"):
        cells = [
            *(test["metric"], test["pipeline"]),
            f"{test['difference']:+.3f} [{test['low']:+.3f}, {test['high']:+.3f}]",
            *(f"{test['p']:.3g}", f"{test['p (Holm)']:.3g}", f"{test['d']:+.2f}"),
            f"{test['wins']} / {test['ties']} / {test['losses']}",
            _figure(test["needed"], 0),
            _figure(test["detectable"], 3),
        ]
        rows[test["baseline"]].append(tuple(cells))
    test_names = {str(test): None for test in frame["test"]}
    by_metric = frame.groupby("metric", sort=False)["test"].first()
    names = ", ".join(
        test_names if len(test_names) == 1 else [f"{m}: {t}" for m, t in by_metric.items()]
    )
    lines: list[str] = []
    for baseline, table in rows.items():
        lines += ["", f"against {baseline} ({names}; {POWER})", *aligned(table, texts=2)]
    return lines[1:]


def stage_lines(comparison: Comparison) -> list[str]:
    """Every stage of every pipeline; columns without any figure are left out."""
    frame = stage_frame(comparison)
    heads = {head: name for head, name in _STAGE_FIGURES.items() if frame[name].notna().any()}
    rows = [["pipeline", "stage", "offline work", "cached", *heads]]
    for stage in frame.to_dict("records"):
        figures = [_figure(stage[n], 0 if n == "lost" else None) for n in heads.values()]
        offline = shorten(stage["offline"], _LONGEST, placeholder=" …")
        texts = (stage["pipeline"], stage["id"], offline, stage["cached"])
        rows.append([*texts, *figures])
    title = (
        "stages (off s, MB: once per corpus; load s: imports and weights; ms, q / s: in batches; "
        "p50 to p99: ms, one by one; lost: questions)"
    )
    return [title, *aligned(rows, texts=4), *_shared_line(comparison)]


def _shared_line(comparison: Comparison) -> list[str]:
    """How many stages ran once for several pipelines; nothing where none did."""
    stages = comparison.manifest.get("stages", {})
    total, distinct = stages.get("of pipelines", 0), stages.get("run", 0)
    if total == distinct:
        return []
    return [f"{distinct} stages ran for the {total} of all pipelines: equal ones are shared"]


def _figure(value: float | None, digits: int | None = None) -> str:
    if value is None or value != value:  # NaN
        return "-"
    if digits is None:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}"


def aligned(rows: Sequence[Sequence[str]], texts: int) -> Iterator[str]:
    """Rows of columns two blanks apart: the first ``texts`` to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if position < texts else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
