"""Encode a corpus shard by shard, so that a killed run can be resumed.

``vectors.npy`` is [n_vectors, dim], float32 by default. Most encoders give one vector per item;
with several (chunks or tokens of a passage) there is ``offsets.npy`` too, int64 [n_items + 1]:
vectors ``offsets[i]:offsets[i + 1]`` belong to item ``i``. ``info.json`` counts truncated items.

Shards are appended to one file, so the disk never holds the vectors twice. A shard is finished once
its record file exists; vectors after those of finished shards are dropped on resume.
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

# Bytes reserved for the .npy header, whose shape is known only at the end.
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
            has_offsets = (folder / "offsets.npy").is_file()
            self.offsets = np.load(folder / "offsets.npy", mmap_mode="r") if has_offsets else None
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
        """Item of each vector row: int64, of the shape of ``rows``."""
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
        folder: may hold the shards of a killed run of the same encoding, which is then resumed.
        n_items: number of items.
        dim: width of the vectors.
        encode: called once per shard that is not finished, with a range ``start, stop`` of items.
        shard: items per shard.
        dtype: number format on disk.
    """
    records = folder / _RECORDS
    records.mkdir(parents=True, exist_ok=True)
    item_type = np.dtype(dtype)
    starts = range(0, n_items, shard)
    finished = _finished(records, len(starts))
    rows = sum(int(counts.sum()) for counts, _ in finished)
    path = folder / "vectors.npy"
    with path.open("r+b" if path.is_file() else "w+b") as file:
        file.truncate(_HEADER + rows * dim * item_type.itemsize)
        file.seek(0, os.SEEK_END)
        for number, start in list(enumerate(starts))[len(finished) :]:
            stop = min(start + shard, n_items)
            encoded = encode(start, stop)
            _check(encoded, stop - start, dim)
            file.write(np.ascontiguousarray(encoded.vectors, dtype=item_type).data)
            file.flush()
            os.fsync(file.fileno())
            record = (encoded.counts.astype(np.int64), encoded.truncated)
            _save(records / f"{number:06d}.npz", *record)
            finished.append(record)
        counts = np.concatenate([np.empty(0, np.int64), *(part for part, _ in finished)])
        file.seek(0)
        file.write(_npy_header(item_type, (int(counts.sum()), dim)))
    if (counts != 1).any():
        np.save(folder / "offsets.npy", np.concatenate([[0], counts.cumsum()]).astype(np.int64))
    info = {"items": n_items, "truncated": sum(truncated for _, truncated in finished)}
    (folder / "info.json").write_text(json.dumps(info) + "\n", encoding="utf-8")
    for record_file in sorted(records.iterdir(), reverse=True):
        record_file.unlink()
    records.rmdir()


def _check(shard: Shard, items: int, dim: int) -> None:
    expected = (int(shard.counts.sum()), dim)
    if len(shard.counts) != items or shard.vectors.shape != expected:
        raise ValueError(
            f"shard of {items} items gave counts for {len(shard.counts)} "
            f"and vectors {shard.vectors.shape}, expected {expected}"
        )


def _finished(records: Path, count: int) -> list[tuple[np.ndarray, int]]:
    finished: list[tuple[np.ndarray, int]] = []
    for number in range(count):
        path = records / f"{number:06d}.npz"
        if not path.is_file():
            break
        with np.load(path) as record:
            finished.append((record["counts"], int(record["truncated"])))
    return finished


def _save(path: Path, counts: np.ndarray, truncated: int) -> None:
    work = path.with_suffix(".tmp")
    with work.open("wb") as out:
        np.savez(out, counts=counts, truncated=truncated)
        out.flush()
        os.fsync(out.fileno())
    work.replace(path)


def _npy_header(item_type: np.dtype[Any], shape: tuple[int, int]) -> bytes:
    """A version 1.0 .npy header, padded to exactly `_HEADER` bytes (the format allows spaces)."""
    text = f"{{'descr': '{item_type.str}', 'fortran_order': False, 'shape': {shape}, }}"
    prefix = b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little")
    return prefix + text.ljust(_HEADER - 11).encode("latin1") + b"\n"
