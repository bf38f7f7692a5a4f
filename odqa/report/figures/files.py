"""Every figure of the report as SVG, PNG and PDF: the same bytes for the same results."""

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
    """File name without ending -> SVG as in the report."""
    metrics = headline_metrics(comparison)
    quality = zip(metrics, quality_figures(comparison), strict=True)
    figures: dict[str, str | None] = {f"quality-{_plain(metric)}": svg for metric, svg in quality}
    figures["quality-vs-online-cost"] = online_figure(comparison)
    figures["quality-vs-storage"] = storage_figure(comparison)
    figures["losses-by-stage"] = losses_figure(comparison)
    figures["map-of-paradigms"] = paradigm_map(comparison)
    return {name: svg for name, svg in figures.items() if svg is not None}


def figure_files(comparison: Comparison) -> dict[str, bytes]:
    """File name -> content."""
    from matplotlib import rc_context

    from odqa.report.figures.canvas import draw

    files = {}
    for name, svg in named_figures(comparison).items():
        files[f"{name}.svg"] = standalone(svg).encode()
        figure = draw(svg)
        # Embedded TrueType, so that text in a PDF can be searched and edited.
        with rc_context({"pdf.fonttype": 42}):
            for ending, metadata_key in (("png", "Software"), ("pdf", "CreationDate")):
                out = io.BytesIO()
                figure.savefig(
                    out,
                    format=ending,
                    facecolor=_white(),
                    metadata={metadata_key: None},
                )
                files[f"{name}.{ending}"] = out.getvalue()
    return files


def standalone(svg: str) -> str:
    """A figure of the page as an SVG file of its own: with its styles, on white."""
    start, content = svg.split(">", 1)
    attributes = ElementTree.fromstring(f"{start}/>").attrib
    width, height = (float(side) + 2 * MARGIN for side in attributes["viewBox"].split()[2:])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="{-MARGIN} {-MARGIN} {width:g} {height:g}" role="img" '
        f'aria-label="{escape(attributes["aria-label"])}">'
    )
    background = f'<rect x="{-MARGIN}" y="{-MARGIN}" width="100%" height="100%" fill="{_white()}"/>'
    return f"{head}<style>{sheet()}</style>{background}{content}\n"


def _white() -> str:
    return light_colours()["page"]


def _plain(metric: str) -> str:
    return re.sub(r"[^\w.-]+", "-", metric)
