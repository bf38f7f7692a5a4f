"""Whether a builder failed because of the cache's disk, and the line that says so.

Builders write through numpy, Arrow, FAISS, safetensors and Lucene, each with errors of its own
type, some without a number. So the disk itself is asked as well: a small file is written.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from pathlib import Path

from odqa.errors import CacheError, OdqaError

_DISK_ERRORS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EFBIG,
    errno.EIO,
    errno.ESTALE,
    errno.ENOTCONN,
)
_TEXTS = re.compile("|".join(re.escape(os.strerror(number)) for number in _DISK_ERRORS))
#: Bytes; enough that a disk with a few free blocks fails too.
_PROBE = 2**20


def disk_failure(error: Exception, work: Path) -> CacheError | None:
    """The error to show where the cache's disk is to blame; `None` where it is not.

    A builder also reads files elsewhere, and has faults of its own.
    """
    if isinstance(error, CacheError):
        return None
    reason = _reason(error, work)
    return None if reason is None else cache_failure(reason, work)


def cache_failure(reason: str, place: Path) -> CacheError:
    """The one line of a cache that cannot be written."""
    return CacheError(
        f"the cache cannot be written ({reason})",
        where=str(place),
        cure="free some disk, or pass another folder with --cache or ODQA_CACHE",
    )


def unreadable(error: OSError, place: Path) -> CacheError:
    """The one line of a cache that cannot be read."""
    return CacheError(
        f"the cache cannot be read ({reason_of(error)})",
        where=str(place),
        cure="get the right to read it, or pass another folder with --cache or ODQA_CACHE",
    )


def reason_of(error: OSError) -> str:
    """What the operating system says."""
    return error.strerror or str(error)


def _reason(error: Exception, work: Path) -> str | None:
    if isinstance(error, OSError) and error.errno is not None:
        name = error.filename if isinstance(error.filename, str | bytes) else None
        is_inside = name is not None and Path(os.fsdecode(name)).is_relative_to(work)
        return reason_of(error) if error.errno in _DISK_ERRORS or is_inside else None
    if match := _TEXTS.search(str(error)):
        return match.group()
    # What is wrong with input has been said by whoever found it.
    return None if isinstance(error, OdqaError) else _probe(work)


def _probe(work: Path) -> str | None:
    path = work / "probe.tmp"
    try:
        with path.open("wb") as out:
            out.write(bytes(_PROBE))
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        return reason_of(error)
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return None
