"""Encode a corpus shard by shard, so that a killed run goes on where it stopped.

``vectors.npy`` is [n_vectors, dim], float32 unless asked otherwise. Most encoders give one vector
per item; those that give several (chunks or tokens of a passage) also get ``offsets.npy``, int64
[n_items + 1]: item ``i`` owns the vectors ``offsets[i]:offsets[i + 1]``. ``info.json`` says how
many items were cut off.

Shards are appended to the one file, so the disk never holds the vectors twice. A shard counts as
finished once its small record is there; what lies in the file beyond the finished shards is cut
off on resume.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from odqa.errors import CacheError

# Room for the .npy header, whose shape is known only at the end.
_HEADER = 128
_RECORDS = "shards"


@dataclass(frozen=True, slots=True)
class Shard:
    """Vectors of consecutive items.

    ``vectors``: float32 [sum(counts), dim]. ``counts``: int64 [items], vectors per item.
    ``truncated``: how many items were cut off at the length limit.
    """

    vectors: np.ndarray
    counts: np.ndarray
    truncated: int = 0


class VectorFile:
    """The finished vectors of one corpus, memory-mapped.

    Raises:
        CacheError: the folder holds no complete vector file.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.vectors: np.ndarray = np.load(folder / "vectors.npy", mmap_mode="r")
            info = json.loads((folder / "info.json").read_text(encoding="utf-8"))
            self.items, self.truncated = int(info["items"]), int(info["truncated"])
            several = (folder / "offsets.npy").is_file()
            self.offsets = np.load(folder / "offsets.npy", mmap_mode="r") if several else None
        except (OSError, ValueError, KeyError) as error:
            raise CacheError(
                f"no readable vectors ({error})",
                where=str(folder),
                cure="delete the folder and run again",
            ) from error

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return int(self.vectors.shape[1])

    def items_of(self, rows: np.ndarray) -> np.ndarray:
        """The items that own some vectors: int64, of the shape of ``rows``."""
        if self.offsets is None:
            return rows
        return np.asarray(np.searchsorted(self.offsets, rows, side="right") - 1)


def encode_shards(
    folder: Path,
    n_items: int,
    dim: int,
    encode: Callable[[int, int], Shard],
    shard: int = 4096,
    dtype: type[np.number[Any]] = np.float32,
) -> None:
    """Write the vectors of items ``0 .. n_items - 1`` into ``folder``.

    Args:
        folder: may hold the rest of a killed run of the same encoding, which is then continued.
        n_items: how many items there are.
        dim: width of the vectors.
        encode: called once per shard that is not finished, with a range ``start, stop`` of items.
        shard: items per shard.
        dtype: number format on disk.
    """
    records = folder / _RECORDS
    records.mkdir(parents=True, exist_ok=True)
    item = np.dtype(dtype)
    starts = range(0, n_items, shard)
    done = _finished(records, len(starts))
    rows = sum(int(counts.sum()) for counts, _ in done)
    path = folder / "vectors.npy"
    with path.open("r+b" if path.is_file() else "w+b") as out:
        out.truncate(_HEADER + rows * dim * item.itemsize)
        out.seek(0, os.SEEK_END)
        for number, start in list(enumerate(starts))[len(done) :]:
            stop = min(start + shard, n_items)
            found = encode(start, stop)
            _check(found, stop - start, dim)
            out.write(np.ascontiguousarray(found.vectors, dtype=item).data)
            out.flush()
            os.fsync(out.fileno())
            record = (found.counts.astype(np.int64), found.truncated)
            _save(records / f"{number:06d}.npz", *record)
            done.append(record)
        counts = np.concatenate([np.empty(0, np.int64), *(part for part, _ in done)])
        out.seek(0)
        out.write(_npy_header(item, (int(counts.sum()), dim)))
    if (counts != 1).any():
        np.save(folder / "offsets.npy", np.concatenate([[0], counts.cumsum()]).astype(np.int64))
    info = {"items": n_items, "truncated": sum(cut for _, cut in done)}
    (folder / "info.json").write_text(json.dumps(info) + "\n", encoding="utf-8")
    for file in sorted(records.iterdir(), reverse=True):
        file.unlink()
    records.rmdir()


def _check(found: Shard, items: int, dim: int) -> None:
    expected = (int(found.counts.sum()), dim)
    if len(found.counts) != items or found.vectors.shape != expected:
        raise ValueError(
            f"shard of {items} items gave counts for {len(found.counts)} "
            f"and vectors {found.vectors.shape}, expected {expected}"
        )


def _finished(records: Path, count: int) -> list[tuple[np.ndarray, int]]:
    done: list[tuple[np.ndarray, int]] = []
    for number in range(count):
        path = records / f"{number:06d}.npz"
        if not path.is_file():
            break
        with np.load(path) as record:
            done.append((record["counts"], int(record["truncated"])))
    return done


def _save(path: Path, counts: np.ndarray, truncated: int) -> None:
    work = path.with_suffix(".tmp")
    with work.open("wb") as out:
        np.savez(out, counts=counts, truncated=truncated)
        out.flush()
        os.fsync(out.fileno())
    work.replace(path)


def _npy_header(item: np.dtype[Any], shape: tuple[int, int]) -> bytes:
    """A version 1.0 .npy header, padded to exactly `_HEADER` bytes (the format allows spaces)."""
    text = f"{{'descr': '{item.str}', 'fortran_order': False, 'shape': {shape}, }}"
    prefix = b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little")
    return prefix + text.ljust(_HEADER - 11).encode("latin1") + b"\n"
