"""``odqa report``: report, tables and figures of a finished run, written again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.output import echo


def report(
    folder: Annotated[Path, typer.Argument(help="Run folder that odqa compare finished.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write (default: into the run folder).", show_default=False),
    ] = None,
) -> None:
    """Write report.html, tables and figures (SVG, PNG, PDF) of a run folder."""
    from odqa.comparison.result import Comparison
    from odqa.report.write import write_report

    page = write_report(Comparison.load(folder), out or folder)
    echo(f"report:  {page}")
    echo(f"tables:  {', '.join(str(p) for p in sorted(page.parent.glob('table.*')))}")
    echo(f"figures: {page.parent / 'figures'}")
