"""RETRO's neighbours of every passage, precomputed before any question is known.

Per token either the neighbour encoding E, or E with its keys and values for every cross layer.
Written shard by shard by `odqa.encoders.sharded`, float16, memory-mapped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from odqa.encoders.batches import token_batches
from odqa.encoders.kept_batches import KeptBatches
from odqa.encoders.sharded import Shard
from odqa.indexes.token_store import TokenStore, build_token_store
from odqa.progress import progress

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

#: Passages whose batches are cut together.
_SHARD = 512


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


def passage_neighbours(
    cache: Cache,
    corpus: Corpus,
    identity: Mapping[str, object],
    *,
    dim: int,
    tokenise: Callable[[Sequence[str]], tuple[list[list[int]], int]],
    pack: Callable[[Sequence[Sequence[int]]], list[np.ndarray]],
    budget: int,
) -> NeighbourStore:
    """The store of a corpus from the cache; built, or its killed build resumed, where missing.

    Args:
        identity: everything that decides the content, the corpus included.
        dim: numbers per token.
        tokenise: texts -> token ids, and how many texts were cut off.
        pack: token ids of passages -> float32 [tokens, dim] for each.
        budget: tokens per call of ``pack``, padding included.
    """

    def encode(start: int, stop: int) -> Shard:
        ids, truncated = tokenise([passage.full_text for passage in corpus.slice(start, stop)])
        packed: dict[int, np.ndarray] = {}
        batches = list(token_batches([len(row) for row in ids], budget))
        kept = KeptBatches(batches, lambda batch: [packed[i] for i in batch])
        for batch, finished in kept.finished:
            packed |= dict(zip(batch, finished, strict=True))
        steps = kept.remaining
        for batch in progress(steps, f"RETRO reads passages from {start}", len(steps)):
            packed |= dict(zip(batch, pack([ids[i] for i in batch]), strict=True))
            kept.done(batch)
        rows = [packed[i] for i in range(len(ids))]
        return Shard(np.concatenate(rows), np.array([len(row) for row in rows]), truncated)

    def build(folder: Path) -> None:
        build_token_store(folder, len(corpus), dim, encode, _SHARD)

    return NeighbourStore(cache.artifact("neighbour-store", identity, build))
