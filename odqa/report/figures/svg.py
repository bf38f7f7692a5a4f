"""Small pieces of SVG: escaped text, nice axes, a frame that readers of the page can hear."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape


def picture(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """A whole figure; ``title`` says in words what it shows."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}" '
        f'style="max-width:{width:g}px">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Words; ``kind`` is a class of the style sheet."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} class="{kind}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def rect(x: float, y: float, width: float, height: float, kind: str, tip: str = "") -> str:
    """A rectangle, with a tip where there is something to say."""
    inner = f"<title>{escape(tip)}</title>" if tip else ""
    size = f'width="{width:.1f}" height="{height:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} class="{kind}">{inner}</rect>'


def dot(x: float, y: float, kind: str, tip: str = "") -> str:
    """A point of a plot."""
    inner = f"<title>{escape(tip)}</title>" if tip else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{kind}">{inner}</circle>'


def shorten(words: str, longest: int) -> str:
    """Words cut to a length, with an ellipsis where something is missing."""
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round values that enclose a range, at steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough - 1e-12)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten that enclose a range of positive values."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**n for n in range(first, max(last, first + 1) + 1)]


def plain(value: float) -> str:
    """An axis label: 0.001, 1, 1,000."""
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
