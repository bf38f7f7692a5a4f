"""Encode a corpus shard by shard, so that a killed run can be resumed.

``vectors.npy`` is [n_vectors, dim], float32 by default. Most encoders give one vector per item;
with several (chunks or tokens of a passage) there is ``offsets.npy`` too, int64 [n_items + 1]:
vectors ``offsets[i]:offsets[i + 1]`` belong to item ``i``. ``info.json`` counts truncated items.

Shards are appended to one file, so the disk never holds the vectors twice. A shard is finished once
its record exists, which has a digest of its vectors; on resume the vectors are compared with it,
and those after the last sound shard are dropped. Within a shard, finished batches are kept
(`odqa.encoders.kept_batches`). Records stay until the cache has the whole artifact.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import xxhash

from odqa.cache.blocks import Blocks
from odqa.cache.earlier_runs import note_spent
from odqa.cache.kept import note_kept
from odqa.cache.leftovers import RESUME
from odqa.encoders.kept_batches import drop_batches, keeping_batches, load_arrays, save_arrays
from odqa.errors import CacheError

# Bytes reserved for the .npy header, whose shape is known only at the end.
_HEADER = 128
# Where version 0.1.0 kept the records.
_EARLIER_RECORDS = "shards"
_CHUNK = 2**24


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
        path = folder / "vectors.npy"
        try:
            self.vectors: np.ndarray = np.load(path, mmap_mode="r")
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
        self._blocks = Blocks(path)
        self._row_bytes = self.dim * self.vectors.dtype.itemsize

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return int(self.vectors.shape[1])

    def items_of(self, rows: np.ndarray) -> np.ndarray:
        """Item of each vector row: int64, of the shape of ``rows``."""
        if self.offsets is None:
            return rows
        return np.asarray(np.searchsorted(self.offsets, rows, side="right") - 1)

    def check(self, rows: np.ndarray | None = None, counts: np.ndarray | int = 1) -> None:
        """Compare vectors that are about to be read with their digests, each block once.

        Args:
            rows: which ones, negative for none; default: all.
            counts: how many from each row on.

        Raises:
            CacheError: the file is damaged.
        """
        if rows is None:
            self._blocks.check_all()
        elif self._blocks.are_there:
            is_read = (rows >= 0) & (np.asarray(counts) > 0)
            starts = np.asarray(rows, np.int64)[is_read]
            stops = np.asarray(rows + counts, np.int64)[is_read]
            self._blocks.check_bytes(
                _HEADER + starts * self._row_bytes, _HEADER + stops * self._row_bytes
            )


@dataclass(frozen=True, slots=True)
class _Record:
    """A finished shard: vectors per item, items truncated, digest of all three with the vectors."""

    counts: np.ndarray
    truncated: int
    #: Empty in records of version 0.1.0.
    digest: str


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
    records = _records_folder(folder)
    item_type = np.dtype(dtype)
    starts = range(0, n_items, shard)
    sizes = [min(shard, n_items - start) for start in starts]
    path = folder / "vectors.npy"
    with path.open("r+b" if path.is_file() else "w+b") as file:
        finished = list(_finished(records, sizes, file, dim * item_type.itemsize))
        rows = sum(int(record.counts.sum()) for record in finished)
        file.truncate(_HEADER + rows * dim * item_type.itemsize)
        file.seek(0, os.SEEK_END)
        for number, start in list(enumerate(starts))[len(finished) :]:
            with keeping_batches(records, number):
                encoded = encode(start, start + sizes[number])
            _check(encoded, sizes[number], dim)
            vectors = np.ascontiguousarray(encoded.vectors, dtype=item_type)
            file.write(vectors.data)
            file.flush()
            os.fsync(file.fileno())
            record = _record(vectors, encoded)
            note_spent(records)
            _save(_record_file(records, number), record)
            note_kept(records)
            drop_batches(records, number)
            finished.append(record)
        counts = np.concatenate([np.empty(0, np.int64), *(record.counts for record in finished)])
        file.seek(0)
        file.write(_npy_header(item_type, (int(counts.sum()), dim)))
    if (counts != 1).any():
        np.save(folder / "offsets.npy", np.concatenate([[0], counts.cumsum()]).astype(np.int64))
    info = {"items": n_items, "truncated": sum(record.truncated for record in finished)}
    (folder / "info.json").write_text(json.dumps(info) + "\n", encoding="utf-8")


def _records_folder(folder: Path) -> Path:
    earlier, records = folder / _EARLIER_RECORDS, folder / RESUME
    if earlier.is_dir() and not records.exists():
        earlier.replace(records)
    records.mkdir(parents=True, exist_ok=True)
    return records


def _check(shard: Shard, items: int, dim: int) -> None:
    expected = (int(shard.counts.sum()), dim)
    if len(shard.counts) != items or shard.vectors.shape != expected:
        raise ValueError(
            f"shard of {items} items gave counts for {len(shard.counts)} "
            f"and vectors {shard.vectors.shape}, expected {expected}"
        )


def _finished(
    records: Path, sizes: list[int], vectors: BinaryIO, row_bytes: int
) -> Iterator[_Record]:
    """The finished shards, from the first up to one that is missing or damaged."""
    vectors.seek(_HEADER)
    for number, size in enumerate(sizes):
        arrays = load_arrays(_record_file(records, number))
        if not {"counts", "truncated"} <= arrays.keys() or len(arrays["counts"]) != size:
            return
        digest = str(arrays["digest"]) if "digest" in arrays else ""
        record = _Record(arrays["counts"], int(arrays["truncated"]), digest)
        if not _is_sound(record, vectors, int(record.counts.sum()) * row_bytes):
            return
        yield record


def _is_sound(record: _Record, vectors: BinaryIO, size: int) -> bool:
    """Whether the next bytes of a file are the vectors of a record; reads them."""
    digest = _counts_digest(record.counts, record.truncated)
    while size:
        chunk = vectors.read(min(size, _CHUNK))
        if not chunk:
            return False
        digest.update(chunk)
        size -= len(chunk)
    return record.digest in ("", digest.hexdigest())


def _record(vectors: np.ndarray, shard: Shard) -> _Record:
    counts = shard.counts.astype(np.int64)
    digest = _counts_digest(counts, shard.truncated)
    digest.update(vectors.data)
    return _Record(counts, shard.truncated, digest.hexdigest())


def _counts_digest(counts: np.ndarray, truncated: int) -> xxhash.xxh3_128:
    digest = xxhash.xxh3_128(str(truncated).encode())
    digest.update(np.ascontiguousarray(counts).data)
    return digest


def _record_file(records: Path, number: int) -> Path:
    return records / f"{number:06d}.npz"


def _save(path: Path, record: _Record) -> None:
    save_arrays(
        path,
        counts=record.counts,
        truncated=np.array(record.truncated),
        digest=np.array(record.digest),
    )


def _npy_header(item_type: np.dtype[Any], shape: tuple[int, int]) -> bytes:
    """A version 1.0 .npy header, padded to exactly `_HEADER` bytes (the format allows spaces)."""
    text = f"{{'descr': '{item_type.str}', 'fortran_order': False, 'shape': {shape}, }}"
    prefix = b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little")
    return prefix + text.ljust(_HEADER - 11).encode("latin1") + b"\n"
