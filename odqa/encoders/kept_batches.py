"""Finished batches of the shard that is being encoded, stored every few seconds.

A vector depends, in its last bits, on the texts that share its forward pass: on how many there are
and how long the longest is. So shards and batches are cut by count alone, the same on every
machine, and what time decides is only how often finished batches of a shard are stored. A resumed
run takes up the batches where they are: its vectors equal those of a run without interruption.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import xxhash

from odqa.cache.earlier_runs import note_spent
from odqa.cache.kept import note_kept

#: Seconds after which finished batches are stored; a kill costs these and one batch.
SECONDS = 10.0


@dataclass
class _Shard:
    """Where batches of the shard at hand are stored, and which call of an encoder comes next."""

    folder: Path
    number: int
    calls: Iterator[int] = field(default_factory=count)


_SHARD: ContextVar[_Shard | None] = ContextVar("shard", default=None)

#: Vectors of the texts of one batch, each [vectors of the text, dim].
BatchVectors = list[np.ndarray]


@contextmanager
def keeping_batches(folder: Path, number: int) -> Iterator[None]:
    """Within it, encoders store their finished batches in a folder.

    Args:
        number: of the shard; its stored batches are removed when it ends without an error.
    """
    token = _SHARD.set(_Shard(folder, number))
    try:
        yield
    finally:
        _SHARD.reset(token)


def drop_batches(folder: Path, number: int) -> None:
    """Remove the stored batches of a shard."""
    for path in folder.glob(f"{number:06d}-*"):
        path.unlink()


class KeptBatches:
    """The batches of one call of an encoder, some of them finished by a run that was killed.

    Keeps nothing outside of `keeping_batches`.

    Args:
        batches: indices of the texts of each batch, as `token_batches` makes them.
        vectors_of: the vectors of the texts of a finished batch, float32; called when it is stored.
    """

    def __init__(
        self, batches: Sequence[list[int]], vectors_of: Callable[[list[int]], BatchVectors]
    ) -> None:
        shard = _SHARD.get()
        self._vectors_of = vectors_of
        self._prefix: Path | None = None
        if shard is not None:
            self._prefix = shard.folder / f"{shard.number:06d}-{next(shard.calls)}"
            self._plan = hashlib.sha256(json.dumps(list(batches)).encode()).hexdigest()
        #: Batches with their vectors, of the run that was killed.
        self.finished = list(zip(batches, self._stored(), strict=False))
        #: Batches that are still to be encoded.
        self.remaining = list(batches[len(self.finished) :])
        self._next = len(self.finished)
        self._waiting: list[list[int]] = []
        self._last = time.monotonic()

    def done(self, batch: list[int]) -> None:
        """A batch of `remaining` is finished; they come in order."""
        if self._prefix is None:
            return
        self._waiting.append(batch)
        if time.monotonic() - self._last >= SECONDS:
            self._store(self._prefix)

    def _store(self, prefix: Path) -> None:
        vectors = [rows for batch in self._waiting for rows in self._vectors_of(batch)]
        packed = np.concatenate([np.atleast_2d(rows) for rows in vectors])
        counts = np.array([len(np.atleast_2d(rows)) for rows in vectors], np.int64)
        sizes = np.array([len(batch) for batch in self._waiting], np.int64)
        path = prefix.with_name(f"{prefix.name}-{self._next:08d}.npz")
        note_spent(path)
        save_arrays(
            path,
            packed=packed,
            counts=counts,
            sizes=sizes,
            digest=np.array(_digest(self._plan, packed, counts, sizes)),
        )
        note_kept(path)
        self._next += len(self._waiting)
        self._waiting = []
        self._last = time.monotonic()

    def _stored(self) -> Iterator[BatchVectors]:
        """Vectors of the stored batches, from the first up to one that is missing or damaged."""
        batch = 0
        while self._prefix is not None:
            path = self._prefix.with_name(f"{self._prefix.name}-{batch:08d}.npz")
            arrays = load_arrays(path)
            try:
                packed, counts, sizes = (arrays[name] for name in ("packed", "counts", "sizes"))
                if str(arrays["digest"]) != _digest(self._plan, packed, counts, sizes):
                    return
            except KeyError:
                return
            vectors = np.split(packed, counts.cumsum()[:-1])
            stops = sizes.cumsum().tolist()
            for start, stop in zip([0, *stops], stops, strict=False):
                yield vectors[start:stop]
            batch += len(sizes)


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays as ``.npz`` in one step; they are on the disk before the name is."""
    draft = path.with_suffix(".tmp")
    with draft.open("wb") as out:
        np.savez(out, **arrays)  # type: ignore[arg-type]
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of `save_arrays`; none where the file is missing or damaged."""
    try:
        with np.load(path) as file:
            return dict(file)
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile):
        return {}


def _digest(plan: str, *arrays: np.ndarray) -> str:
    digest = xxhash.xxh3_128(plan.encode())
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return str(digest.hexdigest())
