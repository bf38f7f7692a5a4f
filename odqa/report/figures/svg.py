"""SVG elements, ticks of axes, and the frame of a figure with its text for screen readers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape


def picture(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """A whole figure; ``title`` describes it for screen readers."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}" '
        f'style="max-width:{width:g}px">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, content: str, css_class: str = "", anchor: str = "start") -> str:
    """Text with a CSS class."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} class="{css_class}">{escape(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, css_class: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css_class}"/>'


def rect(x: float, y: float, width: float, height: float, css_class: str, tip: str = "") -> str:
    """A rectangle, with a tooltip unless ``tip`` is empty."""
    inner = f"<title>{escape(tip)}</title>" if tip else ""
    size = f'width="{width:.1f}" height="{height:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} class="{css_class}">{inner}</rect>'


def dot(x: float, y: float, css_class: str, tip: str = "") -> str:
    """A point of a plot, with a tooltip unless ``tip`` is empty."""
    inner = f"<title>{escape(tip)}</title>" if tip else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{css_class}">{inner}</circle>'


def shorten(label: str, length: int) -> str:
    """A label cut to a length, with an ellipsis where it was cut."""
    return label if len(label) <= length else f"{label[: length - 1]}…"


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round values that enclose a range, at steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    rough = span / count
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
