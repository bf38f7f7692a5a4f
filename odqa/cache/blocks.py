"""Digests by block of large files, so that a part of a memory-mapped file is checked as it is read.

``NAME.xxh3`` beside a file holds the XXH3 (64 bits, little endian) of each of its blocks of
`BLOCK` bytes, the last one shorter: 8 MB for a file of 1 TB. The file of digests is small, so its
own digest in the manifest is checked whenever the artifact is opened.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from odqa.errors import CacheError

BLOCK = 2**20
BLOCKS_SUFFIX = ".xxh3"


class Blocks:
    """Checks the blocks of one file, each at most once; nothing where the file has no digests.

    Small files have none, they are checked whole whenever they are opened; neither have large
    ones that were made by version 0.1.0.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        digests = _digests_of(path)
        self._expected = np.fromfile(digests, "<u8") if digests.is_file() else None
        if self._expected is not None:
            self._unread = np.ones(len(self._expected), np.bool_)
            self._file = np.memmap(path, np.uint8, "r")
            if len(self._expected) != -(-len(self._file) // BLOCK):
                raise self._damaged()

    @property
    def are_there(self) -> bool:
        """Whether the file has digests."""
        return self._expected is not None

    def check_bytes(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> None:
        """Check the blocks that hold these ranges of bytes, ends exclusive.

        Raises:
            CacheError: one of them is damaged.
        """
        if not self.are_there or not starts.size:
            return
        first, last = starts // BLOCK, (stops - 1) // BLOCK
        wide = np.flatnonzero(last > first)
        inner = [np.arange(first[i] + 1, last[i]) for i in wide]
        numbers = np.unique(np.concatenate([first.ravel(), last.ravel(), *inner]))
        self._check(numbers[self._unread[numbers]])

    def check_all(self) -> None:
        """Check every block; raises as `check_bytes`."""
        if self._expected is not None:
            self._check(np.flatnonzero(self._unread))

    def _check(self, numbers: NDArray[np.int64]) -> None:
        assert self._expected is not None
        for number in numbers.tolist():
            block = self._file[number * BLOCK : (number + 1) * BLOCK]
            if xxhash.xxh3_64_intdigest(block.data) != int(self._expected[number]):
                raise self._damaged()
            self._unread[number] = False

    def _damaged(self) -> CacheError:
        return CacheError(
            "this file of the cache is damaged",
            where=str(self._path),
            cure="run odqa cache verify --repair, then the same command again",
        )


def check_folder(folder: Path) -> None:
    """Check every block of every large file in a folder, for readers that map them themselves.

    Raises:
        CacheError: one of them is damaged.
    """
    for digests in sorted(folder.rglob(f"*{BLOCKS_SUFFIX}")):
        Blocks(digests.with_suffix("")).check_all()


def write_blocks(path: Path) -> None:
    """Write the digests of a file beside it."""
    with path.open("rb") as stream:
        blocks = iter(lambda: stream.read(BLOCK), b"")
        digests = np.fromiter((xxhash.xxh3_64_intdigest(block) for block in blocks), "<u8")
    digests.tofile(_digests_of(path))


def _digests_of(path: Path) -> Path:
    return path.with_name(path.name + BLOCKS_SUFFIX)
