"""Tokenised documents cut into chunks with their continuation; pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Chunks:
    """Chunks of one document, in order.

    Row i: ``tokens`` [i, :m] is the chunk (the retrieval key is made of it) and [i, m:2m] its
    continuation, padding where the document ends; ``mask`` tells.
    """

    tokens: NDArray[np.int32]
    mask: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def chunk_length(self) -> int:
        """m."""
        return int(self.tokens.shape[1]) // 2

    @property
    def keys(self) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """What is embedded for retrieval: the chunk itself without continuation."""
        m = self.chunk_length
        return self.tokens[:, :m], self.mask[:, :m]


def chunk_document(
    tokens: Sequence[int] | NDArray[np.integer], chunk_length: int, *, pad_id: int = 0
) -> Chunks:
    """Cut one document; the last chunk may be short, and an empty document has none.

    Raises:
        ValueError: ``chunk_length`` below 1.
    """
    if chunk_length < 1:
        raise ValueError(f"chunk_length must be positive, not {chunk_length}")
    m, ids = chunk_length, np.asarray(tokens, dtype=np.int32)
    count = -(-len(ids) // m)
    # One chunk of padding behind the end is the continuation of the last.
    flat = np.full((count + 1) * m, pad_id, np.int32)
    flat[: len(ids)] = ids
    real = np.arange((count + 1) * m) < len(ids)
    pieces, seen = flat.reshape(-1, m), real.reshape(-1, m)
    return Chunks(
        np.concatenate((pieces[:-1], pieces[1:]), axis=1),
        np.concatenate((seen[:-1], seen[1:]), axis=1),
    )


def neighbours_elsewhere(
    found: NDArray[np.int64], documents: NDArray[np.int64], own: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The first k found chunks of other documents than the query's own.

    A chunk of the same document would give the answer away: its continuation is what comes next.

    Args:
        found: [n, c] chunk rows, best first; negative where the index found nothing.
        documents: [chunks] document of every chunk.
        own: [n] document of each query, -1 where it is of none.
        k: neighbours wanted.

    Returns:
        Rows [n, k] (0 where there is none) and a mask [n, k] of the real ones.
    """
    n = found.shape[0]
    foreign = (found >= 0) & (documents[np.maximum(found, 0)] != own[:, None])
    order = np.argsort(~foreign, axis=1, kind="stable")[:, :k]
    rows, real = np.zeros((n, k), np.int64), np.zeros((n, k), np.bool_)
    wide = order.shape[1]
    real[:, :wide] = np.take_along_axis(foreign, order, 1)
    rows[:, :wide] = np.where(real[:, :wide], np.take_along_axis(found, order, 1), 0)
    return rows, real
