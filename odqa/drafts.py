"""Drafts of files: hidden names that tell whose they are, so that those of the dead can go."""

from __future__ import annotations

import os
import platform
import shutil
from contextlib import suppress
from pathlib import Path

_ENDING = ".tmp"


def draft_of(path: Path) -> Path:
    """A hidden name beside a file or folder, of this process alone.

    Drafts of the same path by processes of this machine that are gone are removed.
    """
    prefix = f".{path.name}.{_machine()}-"
    for draft in path.parent.glob(f"{_escaped(prefix)}*{_ENDING}"):
        number = draft.name.removeprefix(prefix).removesuffix(_ENDING)
        if number.isdecimal() and not _is_alive(int(number)):
            remove(draft)
    return path.with_name(f"{prefix}{os.getpid()}{_ENDING}")


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; one that is not there is fine."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk."""
    # Windows has no flush of folders, and some network file systems have none of files.
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _machine() -> str:
    # Containers that share a folder have names of their own, and process ids of their own.
    return "".join(c if c.isalnum() else "-" for c in platform.node())[:40]


def _escaped(text: str) -> str:
    """For `Path.glob`."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        # It is another user's; or there can be none of that number.
        return pid < 2**31
    return True
