"""Paths that others wrote: whether they exist, and where they start from."""

from __future__ import annotations

from pathlib import Path

from odqa.errors import DataError


def is_file(path: Path) -> bool:
    """Whether there is such a file; not where no file can have such a name, or none may look."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """The same for a folder."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def path_from(base: Path, ref: str) -> Path:
    """The path that a reference means: ``~`` is a home folder, and relative ones start at ``base``.

    Raises:
        DataError: the home folder of nobody.
    """
    try:
        return base / Path(ref).expanduser()
    except RuntimeError:
        raise DataError(
            "no such user", where=ref, cure="write ./ before a name that begins with ~"
        ) from None
