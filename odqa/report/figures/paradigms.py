"""The map of paradigms: registered components by their representation and interaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from odqa.errors import ComponentError
from odqa.interfaces import Interaction, Representation
from odqa.registry import Role, entries
from odqa.report.figures.svg import picture, rect, shorten, text

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_REPRESENTATIONS: tuple[Representation, ...] = get_args(Representation)
_INTERACTIONS: tuple[Interaction, ...] = get_args(Interaction)
_LEFT, _CELL, _CHIP, _GAP, _TOP = 128, 190, 24, 5, 52


@dataclass(frozen=True, slots=True)
class PlacedComponent:
    """One component on the map; ``used_by`` names the compared pipelines that use it."""

    role: Role
    type: str
    representation: Representation
    interaction: Interaction
    used_by: tuple[str, ...]


def placed_components(comparison: Comparison) -> list[PlacedComponent]:
    """Every component that represents passages and can be imported."""
    pipelines: dict[tuple[str, str], list[str]] = {}
    for name, result in comparison.pipelines.items():
        for key in dict.fromkeys((stage.role, stage.type) for stage in result.spec.stages):
            pipelines.setdefault(key, []).append(name)
    placed = []
    for entry in entries():
        try:
            component = entry.load()
        except ComponentError:
            continue
        if entry.role in ("fusion", "rewriter"):
            # These components represent no passages.
            continue
        used_by = tuple(pipelines.get((entry.role, entry.name), ()))
        placed.append(
            PlacedComponent(
                entry.role, entry.name, component.representation, component.interaction, used_by
            )
        )
    return placed


def paradigm_map(comparison: Comparison) -> str:
    """Representations as columns, interactions as rows; compared components are filled."""
    cells: dict[tuple[Interaction, Representation], list[PlacedComponent]] = {}
    for component in placed_components(comparison):
        cells.setdefault((component.interaction, component.representation), []).append(component)
    representations = [r for r in _REPRESENTATIONS if r != "none" or any(r == c for _, c in cells)]
    width = _LEFT + _CELL * len(representations)
    parts = [text(_LEFT, 14, "how a passage is represented", "fig-title")]
    for n, representation in enumerate(representations):
        x = _LEFT + _CELL * (n + 0.5)
        parts.append(text(x, _TOP - 12, representation, "label", "middle"))
    parts.append(text(0, _TOP - 12, "interaction", "fig-title"))
    y, descriptions = float(_TOP), []
    for interaction in _INTERACTIONS:
        rows = max(len(cells.get((interaction, r), ())) for r in representations)
        height = max(1, rows) * (_CHIP + _GAP) + 3 * _GAP
        parts.append(text(0, y + height / 2 + 4, interaction, "label"))
        for n, representation in enumerate(representations):
            x = _LEFT + _CELL * n
            parts.append(rect(x, y, _CELL, height, "cell"))
            for k, component in enumerate(cells.get((interaction, representation), ())):
                top = y + 2 * _GAP + k * (_CHIP + _GAP)
                chip_class = "chip used" if component.used_by else "chip"
                name = f"{component.type} {component.role}"
                tip = (
                    f"used by {', '.join(component.used_by)}"
                    if component.used_by
                    else "not compared here"
                )
                parts.append(rect(x + 8, top, _CELL - 16, _CHIP, chip_class, f"{name}: {tip}"))
                text_class = "on used" if component.used_by else "label"
                parts.append(text(x + 16, top + 16, shorten(name, 25), text_class))
                descriptions.append(
                    f"{name} is {representation} with interaction {interaction}, {tip}"
                )
        y += height
    return picture(width, y + 4, f"Map of paradigms. {'; '.join(descriptions)}.", parts)
