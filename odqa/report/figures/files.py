"""Every figure of the report as a file: SVG, PNG and PDF, the same bytes for the same results."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from odqa.comparison.table import headline_metrics
from odqa.report.figures.losses import losses_figure
from odqa.report.figures.paradigms import paradigm_map
from odqa.report.figures.pareto import online_figure, storage_figure
from odqa.report.figures.quality import quality_figures
from odqa.report.figures.style import MARGIN, light_colours, sheet

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def named_figures(comparison: Comparison) -> dict[str, str]:
    """File name without ending -> SVG as it stands in the report."""
    metrics = headline_metrics(comparison)
    quality = zip(metrics, quality_figures(comparison), strict=True)
    found: dict[str, str | None] = {f"quality-{_plain(metric)}": svg for metric, svg in quality}
    found["quality-vs-online-cost"] = online_figure(comparison)
    found["quality-vs-storage"] = storage_figure(comparison)
    found["losses-by-stage"] = losses_figure(comparison)
    found["map-of-paradigms"] = paradigm_map(comparison)
    return {name: svg for name, svg in found.items() if svg is not None}


def figure_files(comparison: Comparison) -> dict[str, bytes]:
    """File name -> content."""
    from matplotlib import rc_context

    from odqa.report.figures.canvas import draw

    found = {}
    for name, svg in named_figures(comparison).items():
        found[f"{name}.svg"] = standalone(svg).encode()
        figure = draw(svg)
        # Embedded TrueType, so that text in a PDF can be searched and edited.
        with rc_context({"pdf.fonttype": 42}):
            for ending, silence in (("png", "Software"), ("pdf", "CreationDate")):
                out = io.BytesIO()
                figure.savefig(out, format=ending, facecolor=_paper(), metadata={silence: None})
                found[f"{name}.{ending}"] = out.getvalue()
    return found


def standalone(svg: str) -> str:
    """A figure of the page with all that it needs to stand alone, on white."""
    start, inside = svg.split(">", 1)
    attributes = ElementTree.fromstring(f"{start}/>").attrib
    width, height = (float(side) + 2 * MARGIN for side in attributes["viewBox"].split()[2:])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="{-MARGIN} {-MARGIN} {width:g} {height:g}" role="img" '
        f'aria-label="{escape(attributes["aria-label"])}">'
    )
    paper = f'<rect x="{-MARGIN}" y="{-MARGIN}" width="100%" height="100%" fill="{_paper()}"/>'
    return f"{head}<style>{sheet()}</style>{paper}{inside}\n"


def _paper() -> str:
    return light_colours()["page"]


def _plain(metric: str) -> str:
    return re.sub(r"[^\w.-]+", "-", metric)
