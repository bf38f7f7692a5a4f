"""Token vectors of all passages on disk, for late interaction.

``vectors.npy`` is float16 [n_tokens, dim], memory-mapped; ``offsets.npy`` is int64
[n_passages + 1]: passage ``row`` owns the vectors ``offsets[row]:offsets[row + 1]``.

Building appends shard after shard to ``vectors.npy`` and records each finished shard by a small
file with its lengths. A build that was killed cuts off what belongs to no finished shard and goes
on from there; nothing is stored twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from odqa.errors import CacheError
from odqa.progress import progress

_ITEM = np.dtype(np.float16)
# Room for the .npy header, whose shape is known only at the end.
_HEADER = 128
_SHARDS = "shards"

#: ``(start, stop) -> (vectors float [sum(lengths), dim], lengths int64 [stop - start])``.
Encode = Callable[[int, int], tuple[np.ndarray, np.ndarray]]


class TokenStore:
    """The opened store of one corpus and one encoder.

    Raises:
        CacheError: the folder holds no complete store.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.vectors = np.load(folder / "vectors.npy", mmap_mode="r")
            self.offsets = np.load(folder / "offsets.npy")
        except (OSError, ValueError) as error:
            raise CacheError(
                f"no readable token store ({error})",
                where=str(folder),
                cure="delete the folder and run again",
            ) from error
        if self.vectors.ndim != 2 or self.offsets[-1] != len(self.vectors):
            raise CacheError(
                f"{len(self.vectors)} vectors, but offsets up to {self.offsets[-1]}",
                where=str(folder),
                cure="delete the folder and run again",
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def dim(self) -> int:
        """Width of one token vector."""
        return int(self.vectors.shape[1])

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return sum(f.stat().st_size for f in self.folder.iterdir() if f.is_file())

    def lengths(self, rows: Sequence[int]) -> np.ndarray:
        """Tokens per passage: int64 [len(rows)]."""
        at = np.asarray(rows, dtype=np.int64)
        return np.asarray(self.offsets[at + 1] - self.offsets[at])

    def gather(self, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Token vectors of some passages, packed: float16 [sum(lengths), dim], int64 [n].

        Packed rather than padded: no position is computed in vain, and none can win a maximum.
        """
        lengths = self.lengths(rows)
        packed = np.empty((int(lengths.sum()), self.dim), dtype=_ITEM)
        at = 0
        for row, length in zip(rows, lengths, strict=True):
            start = self.offsets[row]
            packed[at : at + length] = self.vectors[start : start + length]
            at += length
        return packed, lengths


def build_token_store(
    folder: Path, n_passages: int, dim: int, encode: Encode, shard: int = 2048
) -> None:
    """Write a store into ``folder``, going on after the last finished shard found there.

    Args:
        folder: where to write; may hold the rest of a killed build of the same store.
        n_passages: rows ``0 .. n_passages - 1`` are encoded in order.
        dim: width of the vectors.
        encode: called once per shard with a range of rows.
        shard: passages per shard.
    """
    shards = folder / _SHARDS
    shards.mkdir(parents=True, exist_ok=True)
    starts = range(0, n_passages, shard)
    done = _finished(shards, len(starts))
    tokens = sum(int(lengths.sum()) for lengths in done)
    path = folder / "vectors.npy"
    with path.open("r+b" if done else "wb") as out:
        out.truncate(_HEADER + tokens * dim * _ITEM.itemsize)
        out.seek(0, os.SEEK_END)
        todo = list(enumerate(starts))[len(done) :]
        for number, start in progress(todo, "encoding passage tokens", len(todo), unit="shard"):
            vectors, lengths = encode(start, min(start + shard, n_passages))
            out.write(np.ascontiguousarray(vectors, dtype=_ITEM).tobytes())
            out.flush()
            os.fsync(out.fileno())
            _record(shards / f"{number:06d}.npy", lengths)
            done.append(lengths)
        offsets = np.concatenate([[0], *done]).astype(np.int64).cumsum()
        out.seek(0)
        out.write(_npy_header((int(offsets[-1]), dim)))
    np.save(folder / "offsets.npy", offsets)
    for file in sorted(shards.iterdir(), reverse=True):
        file.unlink()
    shards.rmdir()


def _finished(shards: Path, count: int) -> list[np.ndarray]:
    paths = [shards / f"{number:06d}.npy" for number in range(count)]
    found: list[np.ndarray] = []
    for path in paths:
        if not path.is_file():
            break
        found.append(np.load(path))
    return found


def _record(path: Path, lengths: np.ndarray) -> None:
    work = path.with_suffix(".tmp")
    with work.open("wb") as out:
        np.save(out, lengths.astype(np.int64))
        out.flush()
        os.fsync(out.fileno())
    work.replace(path)


def _npy_header(shape: tuple[int, int]) -> bytes:
    """A version 1.0 .npy header padded to exactly `_HEADER` bytes."""
    text = f"{{'descr': '{_ITEM.str}', 'fortran_order': False, 'shape': {shape}, }}"
    prefix = b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little")
    return prefix + text.ljust(_HEADER - 11).encode("latin1") + b"\n"
