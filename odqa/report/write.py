"""Write what a finished comparison leaves for readers, beside its run folder's data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.errors import RunError
from odqa.report.page import render_page
from odqa.report.tables import to_latex, to_markdown

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def write_report(comparison: Comparison, folder: Path) -> Path:
    """Write ``report.html``, ``table.md`` and ``table.tex``; each file whole or not at all.

    Raises:
        RunError: the folder cannot be written.
    """
    files = {
        "report.html": render_page(comparison),
        "table.md": to_markdown(comparison),
        "table.tex": to_latex(comparison),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            draft = folder / f".{name}.partial"
            draft.write_text(text, encoding="utf-8")
            os.replace(draft, folder / name)
    except OSError as error:
        raise RunError(
            f"cannot be written ({error.strerror})", where=str(folder), cure="choose another --out"
        ) from None
    return folder / "report.html"
