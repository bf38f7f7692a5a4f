"""The summary of a comparison in a terminal: one row a pipeline, as many columns as fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from odqa.comparison.cost_totals import COST_NAMES, cost_totals
from odqa.comparison.quality import QualityColumn, quality_columns
from odqa.comparison.usage import price_text
from odqa.comparison.verdict import deciding_metric
from odqa.escapes import one_line
from odqa.report.terminal.lines import aligned

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

#: How the best figures are set apart; nothing where a terminal has no bold letters.
Style = Callable[[str], str]
#: Columns of the widest name of a pipeline.
_LONGEST_NAME = 28
_GAP = "  "
#: Heads of the costs of `COST_NAMES`, and what they are called where there is room.
_COSTS = {
    "ms": "online ms",
    "GFLOP": "GFLOP",
    "off s": "offline s",
    "load s": "load s",
    "MB": "stored MB",
    "p50 ms": "p50 ms",
    "tokens": "tokens / question",
    "price": "price / question",
}
#: Where no width is given, lines of text are wrapped here.
_WIDE = 100


@dataclass(frozen=True)
class _Column:
    """A column by pipeline: two lines of heading, texts, and whose are set apart."""

    group: str
    head: str
    texts: Mapping[str, str]
    best: frozenset[str] = frozenset()

    @property
    def width(self) -> int:
        return max(len(self.head), *map(len, self.texts.values()))


def summary_lines(
    comparison: Comparison,
    metrics: Sequence[str] = (),
    width: int | None = None,
    bold: Style = str,
) -> list[str]:
    """Two lines of heading and a row a pipeline; of a single pipeline, a line a figure.

    The deciding metric comes first, with its interval and the letters of `QualityColumn`, then the
    other metrics, then costs. Columns that do not fit are left out and named in a last line.

    Args:
        metrics: in place of those of the comparison.
        width: of the terminal in characters; `None`: unlimited.
    """
    if len(comparison.pipelines) == 1:
        return _one_pipeline(comparison, metrics)
    names = {name: _shortened(one_line(name)) for name in comparison.pipelines}
    columns = [*_quality(comparison, metrics), *_costs(comparison)]
    first = _Column("", "pipeline", names)
    shown, left_out = _fitting(columns, first.width, width)
    lines = [_row([first, *shown], None, bold)]
    if any(column.group for column in shown):
        lines.insert(0, _groups(first.width, shown))
    lines += [_row([first, *shown], name, bold) for name in comparison.pipelines]
    if left_out:
        titles = ", ".join(f"{column.group} {column.head}".strip() for column in left_out)
        lines += wrap(f"not shown: {titles}", width or _WIDE)
    if any(column.letters for column in quality_columns(comparison, metrics)):
        lines.append("who shares a letter cannot be told apart (p >= 0.05, Holm over all pairs)")
    return lines


def _one_pipeline(comparison: Comparison, metrics: Sequence[str]) -> list[str]:
    ((name, _),) = comparison.pipelines.items()
    rows = [
        [
            column.metric,
            f"{cell.mean:.3f} [{cell.interval.low:.3f}, {cell.interval.high:.3f}]",
        ]
        for column in quality_columns(comparison, metrics)
        for cell in [column.means[name]]
    ]
    rows += [[_COSTS[column.head], column.texts[name]] for column in _costs(comparison)]
    return list(aligned([["", one_line(name)], *rows], texts=1))


def _quality(comparison: Comparison, metrics: Sequence[str]) -> list[_Column]:
    columns = quality_columns(comparison, metrics)
    first = metrics[0] if metrics else deciding_metric(comparison)
    groups = list(dict.fromkeys(column.group for column in columns))
    columns.sort(key=lambda column: (column.metric != first, groups.index(column.group)))
    return [
        _Column(
            column.group,
            column.short,
            {name: _mean(column, name, column.metric == first) for name in comparison.pipelines},
            column.best,
        )
        for column in columns
    ]


def _mean(column: QualityColumn, name: str, with_interval: bool) -> str:
    cell = column.means.get(name)
    if cell is None:
        return ""
    text = f"{cell.mean:.3f}"
    if with_interval:
        text += f" [{cell.interval.low:.3f}, {cell.interval.high:.3f}]"
    # As wide as the longest, so that means stand below each other.
    widest = max(map(len, column.letters.values()), default=0)
    return f"{text} {column.letters.get(name, ''):{widest}}" if widest else text


def _costs(comparison: Comparison) -> list[_Column]:
    n = len(comparison.questions)
    totals = {name: cost_totals(result, n) for name, result in comparison.pipelines.items()}
    columns = [
        (head, {name: totals[name][key] for name in totals})
        for key, head in zip(COST_NAMES, _COSTS, strict=True)
    ]
    return [
        _Column(
            "cost",
            head,
            {
                name: price_text(value) if head == "price" else _figure(value)
                for name, value in values.items()
            },
        )
        for head, values in columns
        if any(values.values())
    ]


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _shortened(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    half = (_LONGEST_NAME - 1) // 2
    return f"{name[: _LONGEST_NAME - 1 - half]}…{name[-half:]}"


def _fitting(
    columns: Sequence[_Column], used: int, width: int | None
) -> tuple[list[_Column], list[_Column]]:
    """The columns that fit into the width, the first always, and those that do not."""
    shown: list[_Column] = []
    left_out: list[_Column] = []
    for column in columns:
        needed = len(_GAP) + column.width
        if shown and width is not None and used + needed > width:
            left_out.append(column)
            continue
        used += needed
        shown.append(column)
    return shown, left_out


def _groups(indent: int, columns: Sequence[_Column]) -> str:
    """The line above the heads: each group where it begins, as long as it has room."""
    line = " " * indent
    previous = None
    for column in columns:
        label = "" if column.group == previous else column.group
        if len(label) > column.width:
            label = f"{label[: column.width - 1]}."
        line += _GAP + label.rjust(column.width)
        previous = column.group
    return line.rstrip()


def _row(columns: Sequence[_Column], name: str | None, bold: Style) -> str:
    return "".join(_cells(columns, name, bold)).rstrip()


def _cells(columns: Sequence[_Column], name: str | None, bold: Style) -> Iterator[str]:
    for position, column in enumerate(columns):
        text = column.head if name is None else column.texts[name]
        padding = " " * (column.width - len(text))
        styled = bold(text) if name in column.best else text
        # Names to the left, figures to the right.
        yield styled + padding if position == 0 else _GAP + padding + styled
