"""The output of every finished comparison: table, run folder, report, MLflow run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import typer

from odqa.comparison.result import Comparison
from odqa.errors import RunError


@contextmanager
def run_folder(out: Path, name: str) -> Iterator[Path]:
    """A new folder ``OUT/NAME-DATE-TIME``, made before the work starts to see that it can be.

    Where the work fails or is interrupted with nothing written, the folder is removed.

    Raises:
        RunError: it cannot be made.
    """
    safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in name)
    folder = _make(out, f"{safe}-{datetime.now().strftime('%Y%m%d-%H%M%S')}")
    try:
        yield folder
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise


def _make(out: Path, name: str) -> Path:
    for suffix in ("", *(f"-{n}" for n in range(2, 100))):
        folder = out / f"{name}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            # Also raised where a parent is a file.
            if folder.is_dir():
                continue
            raise RunError("is not a folder", where=str(out), cure="choose another --out") from None
        except OSError as error:
            raise RunError(
                f"cannot be made ({error.strerror})", where=str(folder), cure="choose another --out"
            ) from None
        return folder
    raise RunError("too many runs in one second", where=str(out))


def keep(result: Comparison, folder: Path) -> Path:
    """Write the run folder with its report; returns the report's path."""
    from odqa.comparison.folder import save
    from odqa.report.write import write_report

    save(result, folder)
    return write_report(result, folder)


def finish(result: Comparison, folder: Path, tracking_uri: str | None, traces: str) -> None:
    """Save, print and log a finished comparison."""
    from odqa.tracking import log_comparison

    report = keep(result, folder)
    typer.echo((folder / "table.txt").read_text(encoding="utf-8"))
    typer.echo(f"run folder: {folder}\nreport:     {report}")
    logged = log_comparison(result, folder, tracking_uri, traces=traces)
    typer.echo(f"MLflow:     {logged}")
