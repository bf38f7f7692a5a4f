"""Token vectors of all passages on disk, for late interaction.

Written shard by shard by `odqa.encoders.sharded`: ``vectors.npy`` is float16 [n_tokens, dim],
memory-mapped; vectors ``offsets[row]:offsets[row + 1]`` belong to passage ``row``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from odqa.encoders.sharded import Shard, VectorFile, encode_shards

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus
    from odqa.encoders.late_interaction import LateInteractionEncoder


class TokenStore:
    """The opened store of one corpus and one encoder.

    Raises:
        CacheError: the folder holds no complete store.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = self._file = VectorFile(folder)
        self.vectors = file.vectors
        #: Number of passages cut off at the encoder's length limit.
        self.truncated = file.truncated
        # Without a file of offsets, every passage has one token.
        has_offsets = file.offsets is not None
        self.offsets = np.asarray(file.offsets) if has_offsets else np.arange(file.items + 1)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def dim(self) -> int:
        """Width of one token vector."""
        return int(self.vectors.shape[1])

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())

    def lengths(self, rows: Sequence[int]) -> np.ndarray:
        """Tokens per passage: int64 [len(rows)]."""
        index = np.asarray(rows, dtype=np.int64)
        return np.asarray(self.offsets[index + 1] - self.offsets[index])

    def gather(self, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Token vectors of passages, packed: float16 [sum(lengths), dim], int64 [n].

        Packed rather than padded: no padding is computed, and none can be a maximum.
        """
        lengths = self.lengths(rows)
        self._file.check(self.offsets[np.asarray(rows, dtype=np.int64)], lengths)
        packed = np.empty((int(lengths.sum()), self.dim), dtype=self.vectors.dtype)
        at = 0
        for row, length in zip(rows, lengths, strict=True):
            start = self.offsets[row]
            packed[at : at + length] = self.vectors[start : start + length]
            at += length
        return packed, lengths

    def slice(self, start: int, stop: int) -> np.ndarray:
        """Token vectors of the passages ``start .. stop - 1``: float16 [tokens, dim], mapped."""
        self._file.check(self.offsets[start:stop], np.diff(self.offsets[start : stop + 1]))
        return np.asarray(self.vectors[self.offsets[start] : self.offsets[stop]])


def open_token_store(
    encoder: LateInteractionEncoder, corpus: Corpus, cache: Cache, version: int
) -> TokenStore:
    """The store of a corpus, built where it is missing; ranker and retriever share it.

    Args:
        encoder: loaded.
        corpus: what is encoded.
        cache: where the store is kept.
        version: of the component; `ColbertRanker` and `ColbertRetriever` have the same.
    """
    identity = {
        "what": "ColBERT passage tokens",
        "version": version,
        "encoder": encoder.identity(),
        "corpus": corpus.fingerprint,
    }

    def encode(start: int, stop: int) -> Shard:
        passages = corpus.slice(start, stop)
        texts = [passage.full_text for passage in passages]
        shard = encoder.encode_passages(texts, f"ColBERT passages from {start}")
        ids = [passage.id for passage in passages]
        encoder.check_finite(shard.vectors, ids, "passage", shard.counts)
        return shard

    def build(folder: Path) -> None:
        build_token_store(folder, len(corpus), encoder.dim, encode)

    return TokenStore(cache.artifact("token-store", identity, build))


def build_token_store(
    folder: Path,
    n_passages: int,
    dim: int,
    encode: Callable[[int, int], Shard],
    shard: int = 2048,
) -> None:
    """Write a store into ``folder``, resuming after the last batch that was kept.

    Args:
        folder: where to write; may hold the shards of a killed build of the same store.
        n_passages: rows ``0 .. n_passages - 1`` are encoded in order.
        dim: width of the vectors.
        encode: called once per unfinished shard with a range ``start, stop`` of rows.
        shard: passages per shard.
    """
    encode_shards(folder, n_passages, dim, encode, shard, np.float16)
