"""The map of paradigms as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.paradigms import INTERACTIONS, REPRESENTATIONS, map_entries
from odqa.escapes import one_line
from odqa.html_view import shortened
from odqa.metrics.catalogue import heading
from odqa.report.terminal.lines import aligned

if TYPE_CHECKING:
    from odqa.comparison.paradigms import MapEntry
    from odqa.comparison.result import Comparison

#: Characters of parameters at most; report and frame have the full text.
_LONGEST = 48
_HEADS = ("component", "parameters", "after", "quality", "ms", "GFLOP", "off s", "MB")


def map_lines(comparison: Comparison) -> list[str]:
    """The compared stages by their places: quality of what each gave, and its own costs."""
    by_place: dict[tuple[str, str], list[MapEntry]] = {}
    for entry in map_entries(comparison):
        by_place.setdefault((entry.representation, entry.interaction), []).append(entry)
    rows: list[list[str]] = [[*_HEADS]]
    places: dict[int, str] = {}
    for representation in REPRESENTATIONS:
        for interaction in INTERACTIONS:
            stages = by_place.get((representation, interaction))
            if stages:
                places[len(rows)] = f"{representation} x {interaction}"
                rows += map(_row, stages)
    lines = ["map of paradigms: representation x interaction (ms, GFLOP: of the stage, a question)"]
    for n, line in enumerate(aligned(rows, texts=3)):
        lines += ["", places[n]] if n in places else []
        lines.append(line)
    return lines


def _row(entry: MapEntry) -> list[str]:
    quality = "-"
    if entry.quality is not None:
        low, high = entry.quality.interval
        quality = f"{heading(entry.metric)[1]} {entry.quality.mean:.3f} [{low:.3f}, {high:.3f}]"
        quality = f"ceiling: {quality}" if entry.is_ceiling else quality
    costs = (entry.online_ms, entry.gflop, entry.offline_s, entry.stored_mb)
    name = one_line(f"{entry.type} {entry.role}")
    parameters = shortened(one_line(entry.parameters), _LONGEST)
    after = one_line(" + ".join(entry.after))
    return [name, parameters, after, quality, *map(_figure, costs)]


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
