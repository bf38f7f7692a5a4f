"""An impact index: for every term of a vocabulary, the passages that have it, with their weights.

The inverted index of learned sparse vectors. Scores are exact inner products: the lists of all
terms of a question are added up. ``indptr.npy`` is int64 [vocabulary + 1]; the list of term ``t``
is ``indptr[t]:indptr[t + 1]`` of ``rows.npy`` (int32, rising) and ``weights.npy`` (float32), both
memory-mapped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from odqa.cache.blocks import Blocks
from odqa.cache.leftovers import RESUME
from odqa.encoders.sharded import Shard, VectorFile, encode_shards
from odqa.errors import CacheError, CheckpointError

# Postings sorted at once while an index is filled; bounds memory to some hundred megabytes.
_BLOCK = 2**23


class ImpactIndex:
    """An index made by `build_impact_index`, open for searching.

    Raises:
        CacheError: the folder holds no complete index.
    """

    def __init__(self, folder: Path) -> None:
        try:
            info = json.loads((folder / "info.json").read_text(encoding="utf-8"))
            #: Passages, those without any term included, and how many were cut off.
            self.items, self.truncated = int(info["items"]), int(info["truncated"])
            self._indptr = np.load(folder / "indptr.npy")
            self._rows, self._weights = (
                np.load(folder / name, mmap_mode="r") for name in ("rows.npy", "weights.npy")
            )
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise CacheError(
                f"no readable impact index ({error})",
                where=str(folder),
                cure="delete the folder and run again",
            ) from error
        self._blocks = [Blocks(folder / name) for name in ("rows.npy", "weights.npy")]
        self._header = int(self._rows.offset)

    @property
    def postings(self) -> int:
        """Pairs of term and passage with a weight."""
        return len(self._rows)

    def scores(self, query: np.ndarray) -> np.ndarray:
        """Inner product of a question's vector with that of every passage.

        Terms are added up in their order, in float64, and the sum is rounded to float32: passages
        with equal vectors have equal scores.

        Args:
            query: float32 [terms, 2] of term and weight, by rising term.

        Returns:
            float32 [passages].
        """
        sums = np.zeros(self.items, np.float64)
        for term, weight in query.tolist():
            start, stop = self._indptr[int(term)], self._indptr[int(term) + 1]
            if stop > start:
                self._check(start, stop)
                impacts = self._weights[start:stop].astype(np.float64)
                sums[self._rows[start:stop]] += weight * impacts
        return sums.astype(np.float32)

    def lengths(self, query: np.ndarray) -> int:
        """Postings that a question's terms have: the multiply-adds of `scores`."""
        terms = query[:, 0].astype(np.int64)
        return int((self._indptr[terms + 1] - self._indptr[terms]).sum())

    def _check(self, start: int, stop: int) -> None:
        ends = np.array([stop * 4]) + self._header
        for blocks in self._blocks:
            blocks.check_bytes(np.array([start * 4]) + self._header, ends)


def best_rows(scores: np.ndarray, k: int) -> np.ndarray:
    """Rows with the ``k`` largest scores that are not 0, and all that tie with the last of them.

    Args:
        scores: float32 [passages].

    Returns:
        int64 [rows], rising: the caller orders ties by passage id.
    """
    rows = np.flatnonzero(scores)
    if len(rows) <= k:
        return rows
    worst = np.partition(scores[rows], len(rows) - k)[len(rows) - k]
    return np.asarray(rows[scores[rows] >= worst])


def build_impact_index(
    folder: Path,
    items: int,
    vocabulary: int,
    encode: Callable[[int, int], Shard],
    where: str,
    shard: int = 4096,
) -> None:
    """Encode passages and write their index into ``folder``, resuming after the last batch kept.

    Args:
        folder: may hold the shards of a killed build of the same index.
        items: number of passages.
        vocabulary: number of terms.
        encode: called once per unfinished shard with a range ``start, stop`` of rows; its vectors
            are [terms of all passages, 2].
        where: name of the encoder, for messages.
        shard: passages per shard.

    Raises:
        CheckpointError: no passage has any term.
    """
    vectors = folder / RESUME / "vectors"
    vectors.mkdir(parents=True, exist_ok=True)
    encode_shards(vectors, items, 2, encode, shard)
    file = _vector_file(vectors, where)
    _invert(folder, file, vocabulary)
    info = {"items": items, "truncated": file.truncated}
    (folder / "info.json").write_text(json.dumps(info) + "\n", encoding="utf-8")


def _vector_file(folder: Path, where: str) -> VectorFile:
    counts = folder / "offsets.npy"
    if counts.is_file() and not np.load(counts)[-1]:
        raise CheckpointError(
            "gives no passage any term", where=where, cure="check its weights, or name another"
        )
    return VectorFile(folder)


def _invert(folder: Path, file: VectorFile, vocabulary: int) -> None:
    """Sort the pairs of term and weight by term, in blocks, each into its place."""
    pairs = file.vectors
    total = len(pairs)
    starts = range(0, total, _BLOCK)
    counts = np.zeros(vocabulary, np.int64)
    for start in starts:
        counts += np.bincount(_terms(pairs, start), minlength=vocabulary)
    indptr = np.concatenate([[0], counts.cumsum()]).astype(np.int64)
    np.save(folder / "indptr.npy", indptr)
    open_memmap = np.lib.format.open_memmap
    rows = open_memmap(folder / "rows.npy", "w+", np.int32, (total,))
    weights = open_memmap(folder / "weights.npy", "w+", np.float32, (total,))
    free = indptr[:-1].copy()
    for start in starts:
        terms = _terms(pairs, start)
        # Stable: within a term, passages stay in their order.
        order = np.argsort(terms, kind="stable")
        ordered = terms[order]
        first = np.searchsorted(ordered, ordered, side="left")
        places = free[ordered] + np.arange(len(ordered)) - first
        rows[places] = file.items_of(order + start)
        weights[places] = pairs[start : start + _BLOCK, 1][order]
        free += np.bincount(terms, minlength=vocabulary)
    rows.flush()
    weights.flush()


def _terms(pairs: np.ndarray, start: int) -> np.ndarray:
    return np.asarray(pairs[start : start + _BLOCK, 0]).astype(np.int64)
