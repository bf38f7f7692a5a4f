"""What killed processes leave beside an artifact, and removing it."""

from __future__ import annotations

import shutil
from pathlib import Path

from odqa.cache.manifest import DRAFT

PARTIAL, DAMAGED = ".partial", ".damaged"
#: A folder inside of a work folder: what serves to resume the build, and goes once it is finished.
RESUME = ".resume"


def leftovers(final: Path) -> list[Path]:
    """What no longer serves a finished artifact."""
    candidates = [
        final.with_name(final.name + PARTIAL),
        final.with_name(final.name + DAMAGED),
        final / DRAFT,
        final / RESUME,
    ]
    return [path for path in candidates if path.exists() or path.is_symlink()]


def remove(path: Path) -> None:
    """Remove a file or a folder; of a symbolic link only the link.

    Raises:
        OSError: it cannot be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def work_folder(final: Path) -> Path:
    """The folder in which an artifact is built, which may hold files of an interrupted build.

    Nothing is written through symbolic links that somebody put there: they are removed.

    Raises:
        OSError: it cannot be made.
    """
    work = final.with_name(final.name + PARTIAL)
    if work.is_symlink() or (work.exists() and not work.is_dir()):
        remove(work)
    work.mkdir(exist_ok=True)
    for path in work.rglob("*"):
        if path.is_symlink():
            path.unlink()
    return work
