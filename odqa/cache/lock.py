"""The lock of an artifact that is being built or mended; processes that only read take none.

The operating system frees the lock of a process that dies.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from odqa.cache.disk import cache_failure, reason_of
from odqa.errors import CacheError

_LOG = logging.getLogger(__name__)
#: Seconds after which waiting for another process is worth a line.
_QUIET = 2.0


@contextmanager
def locked(final: Path) -> Iterator[float]:
    """Hold the lock of an artifact; gives the seconds spent waiting for a process that held it.

    Raises:
        CacheError: the lock cannot be made or opened.
    """
    from filelock import FileLock, Timeout

    started, path = time.perf_counter(), lock_path(final)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(path))
        try:
            lock.acquire(timeout=_QUIET)
        except Timeout:
            _LOG.info("waiting for another process that makes %s", final)
            lock.acquire()
    except NotImplementedError:
        raise CacheError(
            "the file system of the cache has no locks",
            where=str(final.parent),
            cure="pass a folder on another disk with --cache or ODQA_CACHE",
        ) from None
    except OSError as error:
        if isinstance(error, IsADirectoryError):
            raise CacheError(
                "is a folder where the cache keeps a lock", where=str(path), cure="remove it"
            ) from error
        raise cache_failure(reason_of(error), final.parent) from error
    try:
        yield time.perf_counter() - started
    finally:
        lock.release()


@contextmanager
def lock_if_free(final: Path) -> Iterator[bool]:
    """Whether the lock could be had at once; False too where one may not write."""
    from filelock import FileLock, Timeout

    lock = FileLock(str(lock_path(final)))
    try:
        lock.acquire(timeout=0)
    except (OSError, NotImplementedError, Timeout):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def lock_path(final: Path) -> Path:
    """The file that is locked for an artifact."""
    return final.with_name(f"{final.name}.lock")
