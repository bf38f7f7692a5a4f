"""Comparisons to look at and to publish: one HTML file, Markdown and LaTeX tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from odqa.report.page import render_page
    from odqa.report.tables import to_latex, to_markdown
    from odqa.report.write import write_report
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "page": ("render_page",),
            "tables": ("to_latex", "to_markdown"),
            "write": ("write_report",),
        },
    )

__all__ = ["render_page", "to_latex", "to_markdown", "write_report"]
