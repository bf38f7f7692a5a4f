"""The map of paradigms: every registered component, placed by what it declares."""

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
class Placed:
    """One component on the map; ``used_by`` names the compared pipelines that have it."""

    role: Role
    type: str
    representation: Representation
    interaction: Interaction
    used_by: tuple[str, ...]


def placed_components(comparison: Comparison) -> list[Placed]:
    """Every component that has a place and can be imported; the others have nothing to declare."""
    used: dict[tuple[str, str], list[str]] = {}
    for name, result in comparison.pipelines.items():
        for key in dict.fromkeys((stage.role, stage.type) for stage in result.spec.stages):
            used.setdefault(key, []).append(name)
    found = []
    for entry in entries():
        try:
            kind = entry.load()
        except ComponentError:
            continue
        if entry.role in ("fusion", "rewriter"):
            # They represent no passage.
            continue
        by = tuple(used.get((entry.role, entry.name), ()))
        found.append(Placed(entry.role, entry.name, kind.representation, kind.interaction, by))
    return found


def paradigm_map(comparison: Comparison) -> str:
    """Representation across, interaction down; compared components are filled."""
    cells: dict[tuple[Interaction, Representation], list[Placed]] = {}
    for each in placed_components(comparison):
        cells.setdefault((each.interaction, each.representation), []).append(each)
    across = [r for r in _REPRESENTATIONS if r != "none" or any(r == c for _, c in cells)]
    width = _LEFT + _CELL * len(across)
    parts = [text(_LEFT, 14, "how a passage is represented", "fig-title")]
    for n, representation in enumerate(across):
        x = _LEFT + _CELL * (n + 0.5)
        parts.append(text(x, _TOP - 12, representation, "label", "middle"))
    parts.append(text(0, _TOP - 12, "interaction", "fig-title"))
    y, said = float(_TOP), []
    for interaction in _INTERACTIONS:
        most = max(len(cells.get((interaction, r), ())) for r in across)
        height = max(1, most) * (_CHIP + _GAP) + 3 * _GAP
        parts.append(text(0, y + height / 2 + 4, interaction, "label"))
        for n, representation in enumerate(across):
            x = _LEFT + _CELL * n
            parts.append(rect(x, y, _CELL, height, "cell"))
            for k, each in enumerate(cells.get((interaction, representation), ())):
                top = y + 2 * _GAP + k * (_CHIP + _GAP)
                kind = "chip used" if each.used_by else "chip"
                words = f"{each.type} {each.role}"
                tip = f"used by {', '.join(each.used_by)}" if each.used_by else "not compared here"
                parts.append(rect(x + 8, top, _CELL - 16, _CHIP, kind, f"{words}: {tip}"))
                label = "on used" if each.used_by else "label"
                parts.append(text(x + 16, top + 16, shorten(words, 25), label))
                said.append(f"{words} is {representation} with interaction {interaction}, {tip}")
        y += height
    return picture(width, y + 4, f"Map of paradigms. {'; '.join(said)}.", parts)
