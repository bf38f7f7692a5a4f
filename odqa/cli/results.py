"""The output of every finished comparison: table, run folder, report, MLflow run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from odqa.cli.output import echo, echo_table
from odqa.comparison.draft import Draft, closing, open_draft
from odqa.comparison.result import Comparison
from odqa.errors import RunError

#: Characters of a dataset's or benchmark's name in names of files, which have 255 bytes at most.
_LONGEST = 50


def file_name(name: str) -> str:
    """A dataset's or benchmark's name, which may be any text, as a part of the name of a file."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name[:_LONGEST])


@contextmanager
def run_folder(out: Path, name: str) -> Iterator[Draft]:
    """A draft of a new folder ``OUT/NAME-DATE-TIME``, for `keep`.

    It is made before the work starts, to see that it can be, and removed however the work ends.

    Raises:
        RunError: it cannot be made.
    """
    with closing(
        _open(out, f"{file_name(name)}-{datetime.now().strftime('%Y%m%d-%H%M%S')}")
    ) as draft:
        yield draft


def _open(out: Path, name: str) -> Draft:
    if out.exists() and not out.is_dir():
        raise RunError("is not a folder", where=str(out), cure="choose another --out")
    try:
        for numbered in _numbered(name):
            draft = None if (out / numbered).exists() else open_draft(out, numbered)
            if draft is not None:
                return draft
    except OSError as error:
        raise RunError(
            f"cannot be made ({error.strerror})", where=str(out / name), cure="choose another --out"
        ) from None
    raise RunError("too many runs in one second", where=str(out))


def _numbered(name: str) -> Iterator[str]:
    return (name if n == 1 else f"{name}-{n}" for n in range(1, 100))


def keep(result: Comparison, draft: Draft) -> Path:
    """Write the run folder with its report, whole or not at all.

    Returns:
        The folder.

    Raises:
        RunError: it cannot be written.
    """
    from odqa.comparison.folder import refusing, write_files
    from odqa.report.write import report_files

    with refusing(draft.parent / draft.name):
        write_files(result, draft.path)
        for name, data in report_files(result).items():
            path = draft.path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        # A run that began in the same second may have been given the name since.
        names = _numbered(draft.name)
        return draft.publish(next(name for name in names if not (draft.parent / name).exists()))


def finish(result: Comparison, draft: Draft, tracking_uri: str | None, traces: str) -> None:
    """Save, print and log a finished comparison."""
    from odqa.tracking import log_comparison

    folder = keep(result, draft)
    echo_table(result)
    echo(f"\nrun folder: {folder}\nreport:     {folder / 'report.html'}")
    echo(f"all tables: {folder / 'table.txt'}, or odqa table {folder} --all")
    logged = log_comparison(result, folder, tracking_uri, traces=traces)
    echo(f"MLflow:     {logged}")
