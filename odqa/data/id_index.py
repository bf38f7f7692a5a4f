"""Passage id -> row without a Python string per passage: sorted 64-bit hashes, memory-mapped."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_HASHES, _ROWS = "id-hashes.npy", "id-rows.npy"


def id_hash(passage_id: str) -> int:
    """64-bit BLAKE2b of an id. Two ids may share one: compare the ids of all candidates."""
    data = passage_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


class IdIndex:
    """Rows in the order of their ids' hashes; 12 bytes a passage.

    Args:
        hashes: uint64 [n], ascending.
        rows: uint32 [n], the row of each hash; equal hashes keep the order of the rows.
    """

    def __init__(self, hashes: NDArray[np.uint64], rows: NDArray[np.uint32]) -> None:
        self._hashes = hashes
        self._rows = rows

    @classmethod
    def build(cls, hashes: array[int]) -> IdIndex:
        """Index ids given by their hashes (type ``Q``) in the order of the rows."""
        values = np.frombuffer(hashes, dtype=np.uint64)
        order = np.argsort(values, kind="stable")
        return cls(values[order], order.astype(np.uint32))

    @classmethod
    def open(cls, folder: Path) -> IdIndex:
        """Memory-map the files of `save`."""
        hashes = np.load(folder / _HASHES, mmap_mode="r")
        return cls(hashes, np.load(folder / _ROWS, mmap_mode="r"))

    def save(self, folder: Path) -> None:
        """Write two ``.npy`` files into ``folder``."""
        np.save(folder / _HASHES, self._hashes)
        np.save(folder / _ROWS, self._rows)

    def candidates(self, ids: Sequence[str]) -> Iterator[list[int]]:
        """For each id the rows whose id has the same hash: nearly always none or one."""
        hashes = np.fromiter((id_hash(i) for i in ids), dtype=np.uint64, count=len(ids))
        starts = np.searchsorted(self._hashes, hashes, side="left")
        stops = np.searchsorted(self._hashes, hashes, side="right")
        for start, stop in zip(starts, stops, strict=True):
            yield self._rows[start:stop].tolist()

    def shared(self) -> Iterator[list[int]]:
        """Groups of rows whose ids have the same hash, each in the order of the rows."""
        repeated = np.flatnonzero(self._hashes[1:] == self._hashes[:-1])
        for value in np.unique(self._hashes[repeated]):
            start = np.searchsorted(self._hashes, value, side="left")
            stop = np.searchsorted(self._hashes, value, side="right")
            yield self._rows[start:stop].tolist()
