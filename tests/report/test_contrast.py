"""WCAG 2.2 AA by computation: every text on every background it can have, in both themes."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import product

import pytest

CSS = (files("odqa.report") / "templates" / "page.css").read_text(encoding="utf-8")
PRINT = (files("odqa.report") / "templates" / "print.css").read_text(encoding="utf-8")

Colour = tuple[float, float, float]


def theme(block: str) -> dict[str, Colour]:
    colours = re.findall(r"--([\w-]+): #([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2});", block)
    return {name: tuple(int(part, 16) / 255 for part in parts) for name, *parts in colours}  # type: ignore[misc]


LIGHT = theme(CSS.split("}")[0])
THEMES = {
    "light": LIGHT,
    "dark": theme(CSS.split(':root[data-theme="dark"] {')[1].split("}")[0]),
    "dark by the system": theme(CSS.split("@media (prefers-color-scheme: dark)")[1].split("}")[0]),
    "print": LIGHT | theme(PRINT),
}
OUTCOMES = ("answered", "reader-miss", "ranker-drop", "retriever-miss")


def luminance(colour: Colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: Colour, b: Colour) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mixed(a: Colour, b: Colour, share: float) -> Colour:
    """As ``color-mix(in srgb, a share, b)`` does."""
    return tuple(x * share + y * (1 - share) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def test_the_measure_itself() -> None:
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    # #767676 is the lightest grey that passes on white.
    assert contrast((0x76 / 255,) * 3, (1, 1, 1)) == pytest.approx(4.54, abs=0.01)


def test_all_themes_name_the_same_colours() -> None:
    assert THEMES["dark"] == THEMES["dark by the system"]
    assert set(THEMES["dark"]) == set(LIGHT) and len(LIGHT) == 16


@pytest.mark.parametrize("name", THEMES)
def test_text_can_be_read(name: str) -> None:
    c = THEMES[name]
    pairs = [*product(("ink", "muted", "accent"), ("page", "panel"))]
    pairs += [("ink", "mark"), ("ink", "answer-span"), ("on-accent", "accent")]
    pairs += [("on-outcome", outcome) for outcome in OUTCOMES]
    poor = {(a, b): contrast(c[a], c[b]) for a, b in pairs if contrast(c[a], c[b]) < 4.5}
    assert poor == {}
    # What a ranker looked at is shaded from the panel to the full colour.
    for step in range(11):
        assert contrast(c["ink"], mixed(c["shade"], c["panel"], step / 10)) >= 4.5


@pytest.mark.parametrize("name", THEMES)
def test_lines_and_marks_can_be_seen(name: str) -> None:
    c = THEMES[name]
    # Controls, focus, bars and dots need 3 to 1 against what they stand on.
    for mark, ground in product(("muted", "accent", "focus"), ("page", "panel")):
        assert contrast(c[mark], c[ground]) >= 3
    for outcome in OUTCOMES:
        assert contrast(c[outcome], c["page"]) >= 3
    # Marks of three meanings differ from their ground and from each other by hue as well.
    assert len({c["mark"], c["answer-span"], c["shade"], c["panel"]}) == 4
