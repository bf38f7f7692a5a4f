"""Write report, tables and figures of a finished comparison into its run folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.errors import RunError
from odqa.report.figures.files import figure_files
from odqa.report.page import render_page
from odqa.report.tables import to_latex, to_markdown
from odqa.report.terminal.render import render

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def write_report(comparison: Comparison, folder: Path) -> Path:
    """Write the report, tables and figures; each file whole or not at all.

    ``report.html``, ``table.txt``, ``table.md``, ``table.tex``, and ``figures/`` with every figure
    of the report as SVG, PNG and PDF.

    Returns:
        The path of the report.

    Raises:
        RunError: the folder cannot be written.
    """
    with _refusing(folder):
        # Fails early, before the figures are drawn.
        folder.mkdir(parents=True, exist_ok=True)
    files = {
        "report.html": render_page(comparison).encode(),
        "table.txt": f"{render(comparison)}\n".encode(),
        "table.md": to_markdown(comparison).encode(),
        "table.tex": to_latex(comparison).encode(),
    }
    files |= {f"figures/{name}": data for name, data in figure_files(comparison).items()}
    with _refusing(folder):
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            draft = path.with_name(f".{path.name}.partial")
            draft.write_bytes(data)
            os.replace(draft, path)
    return folder / "report.html"


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"cannot be written ({error.strerror})", where=str(folder), cure="choose another --out"
        ) from None
