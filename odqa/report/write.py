"""Write report, tables and figures of a finished comparison into its run folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.comparison.draft import closing, open_draft
from odqa.comparison.folder import refusing
from odqa.errors import RunError
from odqa.report.effects_file import effects_json
from odqa.report.figures.files import figure_files
from odqa.report.page import render_page
from odqa.report.tables import to_latex, to_markdown
from odqa.report.terminal.render import render

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def report_files(comparison: Comparison) -> dict[str, bytes]:
    """Name in the run folder -> content: the report, tables, and figures as SVG, PNG and PDF."""
    files = {
        "report.html": render_page(comparison).encode(),
        "table.txt": f"{render(comparison)}\n".encode(),
        "table.md": to_markdown(comparison).encode(),
        "table.tex": to_latex(comparison).encode(),
    }
    effects = effects_json(comparison)
    if effects is not None:
        files["effects.json"] = effects.encode()
    return files | {f"figures/{name}": data for name, data in figure_files(comparison).items()}


def write_report(comparison: Comparison, folder: Path) -> Path:
    """Write the files of `report_files` into a folder; each file whole or not at all.

    Returns:
        The path of the report.

    Raises:
        RunError: the folder cannot be written.
    """
    with refusing(folder):
        # Before the figures are drawn, to see that it can be written.
        draft = open_draft(folder, "report")
    if draft is None:
        what = "another process is writing the report"
        raise RunError(what, where=str(folder), cure="wait for it, or choose another --out")
    with closing(draft):
        files = report_files(comparison)
        with refusing(folder):
            for name, data in files.items():
                _write(folder, name, data, draft.path)
    return folder / "report.html"


def _write(folder: Path, name: str, data: bytes, drafts: Path) -> None:
    """Write one file of the folder itself; nothing that a link in it leads to is touched."""
    path = folder / name
    if path.parent != folder:
        if path.parent.is_symlink():
            what = f"{path.parent.name} is a link"
            raise RunError(what, where=str(folder), cure="remove it, or choose another --out")
        path.parent.mkdir(exist_ok=True)
    # The folder of drafts is new, so that no link is in it.
    part = drafts / path.name
    part.write_bytes(data)
    # Replaces a link of that name, not what it leads to.
    os.replace(part, path)
