"""What RETRO's decoder needs of every passage, made before any question is known.

Per token either the neighbour encoding E, or E with its keys and values for every cross layer.
Written shard by shard by `odqa.encoders.sharded`, float16, memory-mapped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from odqa.encoders.sharded import Shard
from odqa.indexes.token_store import TokenStore, build_token_store


class NeighbourStore(TokenStore):
    """The opened store of one corpus and one checkpoint.

    Raises:
        CacheError: the folder holds no complete store.
    """

    def padded(self, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Passages padded on the right to the longest.

        Returns:
            float16 [n, r, dim] with zeros on padding, and bool [n, r], true on real tokens.
        """
        packed, lengths = self.gather(rows)
        longest = int(lengths.max(initial=0))
        mask = np.arange(longest) < lengths[:, None]
        out = np.zeros((len(rows), longest, self.dim), dtype=packed.dtype)
        out[mask] = packed
        return out, mask


def build_neighbour_store(
    folder: Path,
    n_passages: int,
    dim: int,
    encode: Callable[[int, int], Shard],
    shard: int = 512,
) -> None:
    """Write a store into ``folder``, going on after the last finished shard found there.

    Args:
        folder: where to write; may hold the rest of a killed build of the same store.
        n_passages: rows ``0 .. n_passages - 1`` are encoded in order.
        dim: numbers per token.
        encode: called once per unfinished shard with a range ``start, stop`` of rows.
        shard: passages per shard.
    """
    build_token_store(folder, n_passages, dim, encode, shard)
