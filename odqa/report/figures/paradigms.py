"""The map of paradigms: components by representation and interaction, with quality and cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from odqa.comparison.paradigms import (
    INTERACTIONS,
    REPRESENTATIONS,
    MapEntry,
    PlacedComponent,
    placed_components,
)
from odqa.interfaces import Interaction, Representation
from odqa.metrics.catalogue import heading
from odqa.report.figures.svg import picture, rect, shorten, text

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_LEFT, _CELL, _GAP, _TOP, _LINE = 112, 236, 5, 52, 15
#: Heights of a component that was not compared, and of one with two lines of figures.
_CHIP, _TALL = 24, 24 + 2 * _LINE
#: Characters of a line at most.
_WIDE = 38


def paradigm_map(comparison: Comparison) -> str:
    """Representations as columns, interactions as rows; compared components are filled.

    They show the best of their stages (`odqa.comparison.paradigms.MapEntry`): its quality with the
    interval, and its own costs.
    """
    cells: dict[tuple[Interaction, Representation], list[PlacedComponent]] = {}
    for component in placed_components(comparison):
        cells.setdefault((component.interaction, component.representation), []).append(component)
    representations = [r for r in REPRESENTATIONS if r != "none" or any(r == c for _, c in cells)]
    width = _LEFT + _CELL * len(representations)
    parts = [text(_LEFT, 14, "how a passage is represented", "fig-title")]
    for n, representation in enumerate(representations):
        x = _LEFT + _CELL * (n + 0.5)
        parts.append(text(x, _TOP - 12, representation, "label", "middle"))
    parts.append(text(0, _TOP - 12, "interaction", "fig-title"))
    y, descriptions = float(_TOP), []
    for interaction in INTERACTIONS:
        columns = [cells.get((interaction, r), []) for r in representations]
        height = max(_CHIP, *map(_height, columns)) + 4 * _GAP
        parts.append(text(0, y + height / 2 + 4, interaction, "label"))
        for n, components in enumerate(columns):
            x, top = _LEFT + _CELL * n, y + 2 * _GAP
            parts.append(rect(x, y, _CELL, height, "cell"))
            for component in components:
                parts += _chip(x + 8, top, component)
                descriptions.append(_description(component))
                top += _height([component]) + _GAP
        y += height
    return picture(width, y + 4, f"Map of paradigms. {'; '.join(descriptions)}.", parts)


def _height(components: Sequence[PlacedComponent]) -> float:
    tall = sum(_TALL if component.stages else _CHIP for component in components)
    return tall + _GAP * max(0, len(components) - 1)


def _chip(x: float, y: float, component: PlacedComponent) -> list[str]:
    """A component with what was measured of its best stage."""
    name = f"{component.type} {component.role}"
    tip = f"{name}: {_tip(component)}"
    if not component.stages:
        box = rect(x, y, _CELL - 16, _CHIP, "chip", tip)
        return [box, text(x + 8, y + 16, shorten(name, _WIDE), "label")]
    best, n = component.stages[0], len(component.stages)
    title = name if n == 1 else f"{name}, best of {n}"
    return [
        rect(x, y, _CELL - 16, _TALL, "chip used", tip),
        text(x + 8, y + 16, shorten(title, 32), "on used"),
        text(x + 8, y + 16 + _LINE, shorten(quality_text(best), _WIDE), "figure used"),
        text(x + 8, y + 16 + 2 * _LINE, shorten(cost_text(best), _WIDE), "figure used"),
    ]


def quality_text(entry: MapEntry) -> str:
    """Metric, mean and interval in one line."""
    if entry.quality is None:
        return "not scored"
    low, high = entry.quality.interval
    ceiling = ", ceiling" if entry.is_ceiling else ""
    return f"{heading(entry.metric)[1]} {entry.quality.mean:.3f} [{low:.3f}, {high:.3f}]{ceiling}"


def cost_text(entry: MapEntry) -> str:
    """Milliseconds and GFLOP per question, and offline seconds, in one line."""
    if entry.online_ms is None or entry.offline_s is None:
        return "no costs were kept"
    gflop = "" if entry.gflop is None else f", {short(entry.gflop)} GFLOP"
    return f"{short(entry.online_ms)} ms{gflop}; offline {short(entry.offline_s)} s"


def short(value: float) -> str:
    """Two significant digits, whole numbers in full; what is tiny is no 0."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _tip(component: PlacedComponent) -> str:
    if not component.stages:
        return "not compared here"
    return "; ".join(
        f"{quality_text(stage)}, {cost_text(stage)} ({', '.join(stage.pipelines)})"
        for stage in component.stages
    )


def _description(component: PlacedComponent) -> str:
    used = f"used by {', '.join(component.used_by)}: {_tip(component)}"
    return (
        f"{component.type} {component.role} is {component.representation} with interaction "
        f"{component.interaction}, {used if component.stages else 'not compared here'}"
    )
