"""Tokenised documents cut into chunks with their continuation; pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Chunks:
    """Chunks of one document, in order.

    Row i: ``tokens`` [i, :m] is the chunk (the source of its key) and [i, m:2m] its continuation,
    padded where the document ends; ``mask`` is true on real tokens.
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
        """Tokens and mask to embed for retrieval: the chunk without its continuation."""
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
    # One chunk of padding after the end is the continuation of the last.
    flat = np.full((count + 1) * m, pad_id, np.int32)
    flat[: len(ids)] = ids
    real = np.arange((count + 1) * m) < len(ids)
    pieces, masks = flat.reshape(-1, m), real.reshape(-1, m)
    return Chunks(
        np.concatenate((pieces[:-1], pieces[1:]), axis=1),
        np.concatenate((masks[:-1], masks[1:]), axis=1),
    )


def neighbours_elsewhere(
    candidates: NDArray[np.int64], documents: NDArray[np.int64], own: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The first k candidate chunks that are not of the query's own document.

    The continuation of a chunk of the same document may be the text to predict.

    Args:
        candidates: [n, c] chunk rows, best first; negative where the index has no hit.
        documents: [chunks] document of every chunk.
        own: [n] document of each query, -1 for none.
        k: neighbours.

    Returns:
        Rows [n, k] (0 where there is none) and a mask [n, k] of the real ones.
    """
    n = candidates.shape[0]
    foreign = (candidates >= 0) & (documents[np.maximum(candidates, 0)] != own[:, None])
    order = np.argsort(~foreign, axis=1, kind="stable")[:, :k]
    rows, real = np.zeros((n, k), np.int64), np.zeros((n, k), np.bool_)
    width = order.shape[1]
    real[:, :width] = np.take_along_axis(foreign, order, 1)
    rows[:, :width] = np.where(real[:, :width], np.take_along_axis(candidates, order, 1), 0)
    return rows, real
