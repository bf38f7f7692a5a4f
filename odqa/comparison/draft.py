"""Folders that are whole or absent: filled beside their place, then renamed to it in one step.

For ``runs/NAME`` the draft is ``runs/.NAME.draft``. The process that fills it holds a lock on
``runs/.NAME.draft.lock`` beside it, which is made before the draft and removed after it: a lock
file that nobody holds marks a draft whose process has ended, and the next draft in that folder
removes both. Nothing else there is touched.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.drafts import flush

if TYPE_CHECKING:
    from filelock import BaseFileLock

_DRAFT, _LOCK, _OLD = ".draft", ".draft.lock", ".old"


class Draft:
    """A new folder ``path`` that will be called ``parent / name``; made by `open_draft`."""

    def __init__(self, parent: Path, name: str, lock: BaseFileLock) -> None:
        self.parent = parent
        self.name = name
        self.path = parent / f".{name}{_DRAFT}"
        self._lock = lock

    def publish(self, name: str | None = None) -> Path:
        """Write everything to disk and rename the folder to its place, or to another ``name``.

        A folder that is already there is replaced; until the new one is in place it is kept.

        Raises:
            OSError: it cannot be done; the draft is then still there.
        """
        target = self.parent / (name or self.name)
        _flush(self.path)
        old = self.parent / f".{self.name}{_OLD}"
        if target.is_dir() and any(target.iterdir()):
            target.rename(old)
        self.path.rename(target)
        flush(self.parent)
        shutil.rmtree(old, ignore_errors=True)
        return target

    def close(self) -> None:
        """Remove what is left of it and give the name free."""
        _remove(self.parent, self.name)
        with suppress(OSError):
            self._lock.release()


def open_draft(parent: Path, name: str) -> Draft | None:
    """A draft in ``parent``, which is made where it is missing.

    Returns:
        `None` where another process is filling a draft of that name.

    Raises:
        OSError: it cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    remove_dead_drafts(parent)
    lock = _lock(parent, name)
    if lock is None:
        return None
    draft = Draft(parent, name, lock)
    try:
        draft.path.mkdir()
    except BaseException as error:
        with suppress(OSError):
            (parent / f".{name}{_LOCK}").unlink()
            lock.release()
        if isinstance(error, FileExistsError):
            return None  # A folder without a lock file is none of ours.
        raise
    return draft


@contextmanager
def closing(draft: Draft) -> Iterator[Draft]:
    """Close the draft at the end, however it ends."""
    try:
        yield draft
    finally:
        draft.close()


def remove_dead_drafts(parent: Path) -> None:
    """Remove the drafts in a folder whose processes have ended."""
    for lock_file in parent.glob(f".*{_LOCK}"):
        name = lock_file.name[1 : -len(_LOCK)]
        try:
            lock = _lock(parent, name)
        except OSError:
            continue  # Somebody else's, in a folder that several people share.
        if lock is not None:
            _remove(parent, name)
            with suppress(OSError):
                lock.release()


def _lock(parent: Path, name: str) -> BaseFileLock | None:
    """The lock of a draft; `None` where another process holds it, or where it is no plain file."""
    from filelock import FileLock, Timeout

    path = parent / f".{name}{_LOCK}"
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return None
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock


def _remove(parent: Path, name: str) -> None:
    """Remove a draft whose lock is held; the lock file, by which it is known, comes last."""
    old = parent / f".{name}{_OLD}"
    if old.is_dir() and not old.is_symlink():
        # A process ended while it replaced a folder: before the new one was there, or after.
        if (parent / name).exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            with suppress(OSError):
                old.rename(parent / name)
    draft = parent / f".{name}{_DRAFT}"
    if not draft.is_symlink():
        shutil.rmtree(draft, ignore_errors=True)
    if not draft.exists():
        with suppress(OSError):
            (parent / f".{name}{_LOCK}").unlink()


def _flush(folder: Path) -> None:
    for parent, _, files in os.walk(folder):
        for name in files:
            with Path(parent, name).open("rb") as file:
                os.fsync(file.fileno())
        flush(Path(parent))
