"""Files and folders that are there whole, or not at all, whenever the process is killed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from odqa.drafts import flush
from odqa.errors import RunError

#: Folder beside what is written; a killed process leaves it, the next one clears it.
_DRAFTS = ".draft"


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file or folder as a draft; flush it to the disk and rename it.

    Raises:
        RunError: it cannot be written.
    """
    from safetensors import SafetensorError

    drafts = path.parent / _DRAFTS
    draft = drafts / path.name
    try:
        shutil.rmtree(drafts, ignore_errors=True)
        drafts.mkdir()
        write(draft)
        for file in [*draft.rglob("*"), draft]:
            flush(file)
        if path.is_dir():
            # A folder cannot be renamed onto one that is not empty.
            path.rename(drafts / f"{path.name}.old")
        draft.replace(path)
        flush(path.parent)
    # safetensors has a kind of its own for a full disk.
    except (OSError, SafetensorError) as error:
        raise unwritable(error, path) from error
    finally:
        shutil.rmtree(drafts, ignore_errors=True)


def unwritable(error: Exception, path: Path) -> RunError:
    """The one line for a disk that takes no more of a training."""
    reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
    return RunError(
        f"cannot be written ({reason})",
        where=str(path),
        cure="free some disk or make it writable, then go on with --resume",
    )
