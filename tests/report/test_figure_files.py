"""Figures as files: complete, reproducible, and in the style of the page."""

from __future__ import annotations

import io
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from odqa.report.figures.canvas import draw
from odqa.report.figures.files import figure_files, named_figures, standalone
from odqa.report.figures.style import MARGIN, light_colours, sheet, style
from odqa.report.figures.svg import dot, line, picture, rect, text
from odqa.testing.synthetic import synthetic_comparison

NAMES = {
    *("quality-em", "quality-f1", "quality-ranked_mrr-10"),
    *("quality-retrieved_oracle", "quality-ranked_oracle"),
    *("quality-vs-online-cost", "quality-vs-storage", "losses-by-stage", "map-of-paradigms"),
}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return figure_files(synthetic_comparison(20))


def test_every_figure_comes_in_three_formats(files: dict[str, bytes]) -> None:
    assert set(files) == {f"{name}.{end}" for name in NAMES for end in ("svg", "png", "pdf")}
    for name, data in files.items():
        start = {"svg": b"<svg", "png": b"\x89PNG\r\n", "pdf": b"%PDF-"}[name[-3:]]
        assert data.startswith(start) and len(data) > 1000


def test_files_say_nothing_about_when_they_were_made(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        assert b"CreationDate" not in data and b"Software" not in data, name
    again = figure_files(synthetic_comparison(20))
    assert again == files


def test_standing_alone_needs_nothing_of_the_page() -> None:
    for figure in named_figures(synthetic_comparison(5, 2)).values():
        svg = standalone(figure)
        assert "var(" not in svg
        root = ElementTree.fromstring(svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        x, y, width, height = map(float, root.attrib["viewBox"].split())
        assert (x, y) == (-MARGIN, -MARGIN)
        assert (root.get("width"), root.get("height")) == (f"{width:g}", f"{height:g}")
        label = ElementTree.fromstring(figure).get("aria-label")
        assert root.get("aria-label") == label
        assert f'viewBox="0 0 {width - 2 * MARGIN:g} {height - 2 * MARGIN:g}"' in figure


def test_styles_are_those_of_the_page() -> None:
    colours = light_colours()
    assert style("circle", "dot")["fill"] == colours["accent"]
    assert style("circle", "dot hollow")["fill"] == colours["page"]
    assert style("rect", "fill ranker-drop")["fill"] == colours["ranker-drop"]
    # Two classes weigh more than one, wherever they stand in the sheet.
    assert style("text", "on used")["fill"] == colours["on-accent"]
    assert style("text", "on answered")["fill"] == colours["on-outcome"]
    assert style("text", "tick")["font-size"] == "11px"
    assert "var(" not in sheet()


def test_shapes_stand_where_the_svg_puts_them() -> None:
    colours = light_colours()
    svg = picture(
        60,
        40,
        "a test",
        [
            rect(0, 0, 20, 10, "fill answered"),
            dot(50, 30, "dot"),
            line(0, 35, 30, 35, "whisker"),
            text(30, 8, "$x$ <&>", "label"),
        ],
    )
    figure = draw(svg)
    out = io.BytesIO()
    figure.savefig(out, format="rgba")
    width, height = (round(side * figure.dpi) for side in figure.get_size_inches())
    pixels = np.frombuffer(out.getvalue(), np.uint8).reshape(height, width, 4)

    def at(x: float, y: float) -> str:
        # Two device pixels are one of the SVG.
        row, column = round(2 * (y + MARGIN)), round(2 * (x + MARGIN))
        return "#" + bytes(pixels[row, column, :3]).hex()

    assert (width, height) == (2 * (60 + 2 * MARGIN), 2 * (40 + 2 * MARGIN))
    assert at(10, 5) == colours["answered"]
    assert at(50, 30) == at(15, 35) == colours["accent"]
    assert at(24, 20) == at(10, 20) == "#ffffff"
    (label,) = [t for t in figure.axes[0].texts if t.get_text()]
    assert label.get_text() == "$x$ <&>" and not label.get_parse_math()


def test_matplotlib_is_not_imported_to_write_a_page() -> None:
    code = (
        "import sys, odqa.report.write, odqa.cli.report\n"
        "from odqa.report.page import render_page\n"
        "from odqa.testing.synthetic import synthetic_comparison\n"
        "render_page(synthetic_comparison(3, 2)); print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
