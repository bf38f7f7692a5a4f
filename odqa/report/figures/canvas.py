"""The report's SVG figures drawn by matplotlib, which writes PNG and PDF for papers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from odqa.report.figures.style import MARGIN, Style, style

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: CSS pixels per inch, and points per pixel.
_PER_INCH, _POINTS = 96, 0.75
_ALIGN = {"start": "left", "middle": "center", "end": "right"}


def draw(svg: str) -> Figure:
    """The matplotlib figure of an SVG, with a white margin.

    Only the elements of `odqa.report.figures.svg` are supported.
    """
    from matplotlib.figure import Figure

    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    across, down = ((side + 2 * MARGIN) / _PER_INCH for side in (width, height))
    figure = Figure(figsize=(across, down), dpi=2 * _PER_INCH)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-MARGIN, width + MARGIN)
    axes.set_ylim(height + MARGIN, -MARGIN)
    axes.axis("off")
    # Later elements are drawn over earlier ones, as in SVG.
    for order, element in enumerate(root, start=1):
        properties = style(element.tag, element.get("class", ""))
        _DRAW[element.tag](axes, element, properties, order)
    return figure


def _text(axes: Axes, element: Element, properties: Style, order: int) -> None:
    from matplotlib.patheffects import withStroke

    size = re.search(r"([\d.]+)px", properties.get("font-size", properties["font"]))
    assert size is not None
    x, y = _numbers(element, "x", "y")
    label = axes.text(
        x,
        y,
        element.text or "",
        color=properties["fill"],
        fontsize=float(size[1]) * _POINTS,
        fontweight="bold" if properties.get("font-weight") == "600" else "normal",
        ha=_ALIGN[element.get("text-anchor", "start")],
        va="baseline",
        zorder=order,
        # A dollar sign does not begin a formula.
        parse_math=False,
    )
    if "stroke" in properties:
        width = _points(properties["stroke-width"])
        label.set_path_effects([withStroke(linewidth=width, foreground=properties["stroke"])])


def _line(axes: Axes, element: Element, properties: Style, order: int) -> None:
    x1, y1, x2, y2 = _numbers(element, "x1", "y1", "x2", "y2")
    axes.plot([x1, x2], [y1, y2], solid_capstyle="butt", zorder=order, **_stroke(properties))


def _polyline(axes: Axes, element: Element, properties: Style, order: int) -> None:
    points = [tuple(map(float, pair.split(","))) for pair in element.attrib["points"].split()]
    dashes = tuple(map(_points, properties["stroke-dasharray"].split()))
    xs, ys = zip(*points, strict=True)
    axes.plot(xs, ys, linestyle=(0, dashes), zorder=order, **_stroke(properties))


def _rect(axes: Axes, element: Element, properties: Style, order: int) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y, width, height = _numbers(element, "x", "y", "width", "height")
    radius = float(properties.get("rx", "0").removesuffix("px"))
    corners = f"round,pad=0,rounding_size={radius}" if radius else "square,pad=0"
    axes.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle=corners, zorder=order, **_fill(properties))
    )


def _circle(axes: Axes, element: Element, properties: Style, order: int) -> None:
    from matplotlib.patches import Circle

    x, y, radius = _numbers(element, "cx", "cy", "r")
    axes.add_patch(Circle((x, y), radius, zorder=order, **_fill(properties)))


_DRAW = {"text": _text, "line": _line, "polyline": _polyline, "rect": _rect, "circle": _circle}


def _stroke(properties: Style) -> dict[str, Any]:
    return {
        "color": properties["stroke"],
        "linewidth": _points(properties.get("stroke-width", "1")),
    }


def _fill(properties: Style) -> dict[str, Any]:
    edge, width = properties.get("stroke", "none"), _points(properties.get("stroke-width", "1"))
    return {"facecolor": properties["fill"], "edgecolor": edge, "linewidth": width}


def _numbers(element: Element, *names: str) -> list[float]:
    return [float(element.attrib[name]) for name in names]


def _points(pixels: str) -> float:
    return float(pixels.removesuffix("px")) * _POINTS
