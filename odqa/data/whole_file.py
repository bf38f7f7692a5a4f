"""Text files that are written atomically."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from odqa.errors import DataError


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Write UTF-8 text to a temporary file and rename it at the end; an error leaves no file.

    Raises:
        DataError: the folder is missing, cannot be written or is full.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with draft.open("w", encoding="utf-8", newline="\n") as file:
                yield file
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"cannot be written ({error.strerror})", where=str(path)) from None
