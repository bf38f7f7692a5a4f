"""The report: one HTML file that needs nothing but itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.text import notices, verdict

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def render_page(comparison: Comparison) -> str:
    """The whole HTML text."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("odqa.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    frame = comparison.table()
    return environment.get_template("report.html").render(
        comparison=comparison,
        verdict=verdict(comparison),
        notices=notices(comparison),
        columns=list(frame.columns),
        rows=[(name, list(frame.loc[name])) for name in frame.index],
    )
