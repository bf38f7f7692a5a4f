"""Text files that are written atomically."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from odqa.drafts import draft_of, flush
from odqa.errors import DataError


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Write UTF-8 text to a temporary file and rename it at the end.

    An error leaves no file; what a killed process left is removed by the next one.

    Raises:
        DataError: the folder is missing, cannot be written or is full.
    """
    try:
        draft = draft_of(path)
        try:
            with draft.open("w", encoding="utf-8", newline="\n") as file:
                yield file
            flush(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot be written ({reason})", where=str(path)) from None


def _remove_drafts_of_the_dead(path: Path) -> None:
    """Remove what processes that were killed while they wrote this file left."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        number = draft.name.split(".")[-2]
        if number.isdecimal() and not _is_alive(int(number)):
            draft.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
