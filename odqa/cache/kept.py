"""Whether this process has stored something that a later run goes on from.

Only then does an interrupted command say that what was finished is kept.
"""

from __future__ import annotations

import shutil
from pathlib import Path

_TEMPORARY: set[Path] = set()
_STORED: list[Path] = []


def nothing_stays_in(root: Path) -> None:
    """A folder that goes with the process."""
    _TEMPORARY.add(root)


def remove_temporary() -> None:
    """Remove those folders, where the process ends without tidying up."""
    for root in _TEMPORARY:
        shutil.rmtree(root, ignore_errors=True)


def note_kept(folder: Path) -> None:
    """Something finished is in this folder now."""
    if not any(folder.is_relative_to(root) for root in _TEMPORARY):
        _STORED[:] = [folder]


def is_something_kept() -> bool:
    """Whether anything was noted that stays."""
    return bool(_STORED)
