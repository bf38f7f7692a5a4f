"""What every finished comparison leaves behind: table, run folder, report, MLflow run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import typer

from odqa.comparison.result import Comparison
from odqa.errors import RunError


def make_run_folder(out: Path, name: str) -> Path:
    """A new folder ``OUT/NAME-DATE-TIME``, made before the work starts so that it can be written.

    Raises:
        RunError: it cannot be made.
    """
    safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in name)
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{n}" for n in range(2, 100))):
        folder = out / f"{safe}-{stamp}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise RunError(
                f"cannot be made ({error.strerror})", where=str(folder), cure="choose another --out"
            ) from None
        return folder
    raise RunError("too many runs in one second", where=str(out))


def finish(result: Comparison, folder: Path, tracking_uri: str | None) -> None:
    """Save, print and log a finished comparison."""
    from odqa.comparison.folder import save
    from odqa.comparison.text import render
    from odqa.report.write import write_report
    from odqa.tracking import log_comparison

    save(result, folder)
    text = render(result)
    (folder / "table.txt").write_text(text + "\n", encoding="utf-8")
    report = write_report(result, folder)
    typer.echo(text)
    typer.echo(f"\nrun folder: {folder}\nreport:     {report}")
    logged = log_comparison(result, folder, tracking_uri)
    typer.echo(f"MLflow:     {logged}")
