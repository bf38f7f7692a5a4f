"""RETRO's retrieval database: chunks of tokens with their continuation, retrieved by frozen keys.

Borgeaud et al. 2021, section 2.3: documents are cut into chunks of m tokens; the value of a chunk
is the chunk and its continuation in the same document, [N, F], its key the mean over the token
vectors that a frozen encoder gives its text, and neighbours are nearest in L2. Neighbours from the
query's own document are left out: their continuation may be the text to predict.

Tokens, keys and neighbours of the database's own chunks are artifacts of the cache, written shard
by shard (`odqa.encoders.sharded`) and memory-mapped: a corpus need not fit in memory, and a killed
build is resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from odqa.encoders.sharded import Shard, VectorFile, encode_shards
from odqa.indexes.config import FlatIndex, Metric
from odqa.indexes.dense import DenseIndex
from odqa.retro.offline.chunks import chunk_document, neighbours_elsewhere
from odqa.types import Passage

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

#: Padding after the end of a document; no token has this id.
NO_TOKEN = -1
_DOCUMENTS = 512
_QUERIES = 512


class DocumentTokenizer(Protocol):
    """The language model's own tokenizer, such as `ByteTokenizer` of `odqa.retro.create`."""

    @property
    def digest(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> list[list[int]]: ...

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]: ...


class KeyEncoder(Protocol):
    """A frozen mean-pooled encoder, such as `odqa.encoders.text.TextEncoder`."""

    @property
    def dim(self) -> int: ...

    def load(self, cache: Cache | None = None) -> None: ...

    def identity(self) -> dict[str, object]: ...

    def encode(self, texts: Sequence[str], desc: str = "") -> np.ndarray: ...


class ChunkDatabase:
    """Chunks of a corpus whose passages are the documents.

    Args:
        tokenizer: cuts the texts (without titles) into the language model's tokens.
        encoder: frozen; its mean-pooled vector of a chunk's text is the key.
        chunk_length: m, in the language model's tokens.
        metric: ``l2`` as in the paper, or ``ip``.
    """

    def __init__(
        self,
        tokenizer: DocumentTokenizer,
        encoder: KeyEncoder,
        *,
        chunk_length: int,
        metric: Metric = "l2",
    ) -> None:
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.chunk_length = chunk_length
        self._metric = metric

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Cut and embed the corpus, or open the cached result.

        Raises:
            CheckpointError: the encoder cannot be used. CacheError: the cache cannot be written.
        """
        self.encoder.load(cache)
        chunking = {"tokenizer": self.tokenizer.digest, "chunk_length": self.chunk_length}
        identity = {"component": "chunk database", "version": 1, **chunking}
        keys_identity = {**identity, "encoder": self.encoder.identity()}

        def tokens(folder: Path) -> None:
            encode_shards(
                folder,
                len(corpus),
                self.chunk_length,
                lambda start, stop: self._cut(corpus.slice(start, stop)),
                _DOCUMENTS,
                np.int32,
            )

        tokens_identity = {**identity, "corpus": corpus.fingerprint}
        file = VectorFile(cache.artifact("chunk-tokens", tokens_identity, tokens))
        index = FlatIndex()
        self._index = DenseIndex.open(
            corpus,
            cache,
            index,
            self._metric,
            what="chunk keys",
            identity=keys_identity,
            dim=self.encoder.dim,
            encode=self._embed,
            shard=_DOCUMENTS,
        )
        self.tokens: NDArray[np.int32] = file.vectors
        #: [chunks]: row of each chunk's passage.
        self.documents: NDArray[np.int64] = file.items_of(np.arange(len(file.vectors)))
        #: [passages + 1]: chunks ``starts[i]`` to ``starts[i + 1]`` belong to passage i.
        self.starts: NDArray[np.int64] = np.searchsorted(self.documents, np.arange(file.items + 1))
        search = {"index": dict(index.identity()), "metric": self._metric}
        self._identity = {**keys_identity, "corpus": corpus.fingerprint, "search": search}
        self._cache = cache

    def __len__(self) -> int:
        """Number of chunks."""
        return len(self.documents)

    def read(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Chunks with their continuation, [..., 2m], and their mask; ids of padding are 0.

        The continuation is the next chunk of the same document, all padding after the last.
        """
        following = np.minimum(rows + 1, len(self) - 1)
        inside = (following != rows) & (self.documents[following] == self.documents[rows])
        continuation = np.where(inside[..., None], self.tokens[following], NO_TOKEN)
        tokens = np.concatenate((self.tokens[rows], continuation), axis=-1)
        real = tokens != NO_TOKEN
        return np.where(real, tokens, 0), real

    def where(self, rows: Sequence[int]) -> list[tuple[str, int]]:
        """Passage id of each chunk, and the chunk's number within the passage, from 0."""
        chunks = np.asarray(rows, np.int64)
        places = chunks - self.starts[self.documents[chunks]]
        return list(
            zip(self._index.ids(self.documents[chunks].tolist()), places.tolist(), strict=True)
        )

    def keys(self, chunks: Sequence[Sequence[int]], desc: str = "") -> NDArray[np.float32]:
        """Keys [n, dim] of chunks of token ids, for the index and for queries alike."""
        return self.encoder.encode(self.tokenizer.decode(chunks), desc)

    def nearest(
        self,
        keys: NDArray[np.float32],
        own: NDArray[np.int64],
        k: int,
        groups: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The k nearest chunks of other documents.

        Args:
            keys: [n, dim].
            own: [n], document (or group) of each key, -1 for none of the database.
            k: neighbours.
            groups: [passages], group of each passage, which counts as one document; default: each
                passage is its own.

        Returns:
            Chunk rows [n, k] (0 where there is none) and a mask [n, k] of the real ones.
        """
        owners = self.documents if groups is None else groups[self.documents]
        # Search for as many more as the largest document has, so that k are left after the filter.
        present_owners = own[np.isin(own, owners)]
        extra = int(np.unique_counts(owners[np.isin(owners, present_owners)]).counts.max(initial=0))
        _, rows = self._index.search(keys, k + extra)
        return neighbours_elsewhere(rows, owners, own, k)

    def own_neighbours(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """`nearest` of every chunk of the database, [chunks, k]; stored in the cache."""
        keys = self._index.file.vectors

        def search(start: int, stop: int) -> Shard:
            own = self.documents[start:stop]
            rows, real = self.nearest(np.asarray(keys[start:stop]), own, k)
            return Shard(np.where(real, rows, -1), np.ones(stop - start, np.int64))

        def build(folder: Path) -> None:
            encode_shards(folder, len(self), k, search, _QUERIES, np.int64)

        # Documents could once be grouped here: the entry keeps existing artifacts valid.
        identity = {**self._identity, "k": k, "groups": None}
        rows = VectorFile(self._cache.artifact("chunk-neighbours", identity, build)).vectors
        return np.maximum(rows, 0), np.asarray(rows >= 0)

    def _cut(self, passages: Sequence[Passage]) -> Shard:
        documents = self.tokenizer.encode([passage.text for passage in passages])
        parts = [chunk_document(ids, self.chunk_length, pad_id=NO_TOKEN) for ids in documents]
        rows = [part.keys[0] for part in parts]
        return Shard(np.concatenate(rows), np.array([len(part) for part in parts], np.int64))

    def _embed(self, passages: list[Passage], label: str) -> Shard:
        shard = self._cut(passages)
        chunks = [row[row != NO_TOKEN].tolist() for row in shard.vectors]
        return Shard(self.keys(chunks, label), shard.counts)
