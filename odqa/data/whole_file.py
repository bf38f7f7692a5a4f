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
