"""RETRO's retrieval database: chunks of tokens with their continuation, found by frozen keys.

Borgeaud et al. 2021, section 2.3: documents are cut into chunks of m tokens; the value of a chunk
is the chunk and its continuation in the same document, [N, F], its key the mean over the token
vectors that a frozen encoder gives its text, and neighbours are nearest in L2. A neighbour from
the document that asks is left out: its continuation may be what comes next.

Tokens, keys and neighbours of the database's own chunks are artifacts of the cache, written shard
by shard (`odqa.encoders.sharded`) and memory-mapped: nothing holds a whole corpus, and a killed
build goes on.
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

#: Filling behind the end of a document; no token has this id.
NO_TOKEN = -1
_DOCUMENTS = 512
_QUERIES = 4096


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
        """Cut and embed the corpus, or open what the cache holds of that.

        Raises:
            CheckpointError: the encoder cannot be used. CacheError: the cache cannot be written.
        """
        self.encoder.load(cache)
        cut = {"tokenizer": self.tokenizer.digest, "chunk_length": self.chunk_length}
        identity = {"component": "chunk database", "version": 1, **cut}
        keyed = {**identity, "encoder": self.encoder.identity()}

        def tokens(folder: Path) -> None:
            encode_shards(
                folder,
                len(corpus),
                self.chunk_length,
                lambda start, stop: self._cut(corpus.slice(start, stop)),
                _DOCUMENTS,
                np.int32,
            )

        where = {**identity, "corpus": corpus.fingerprint}
        opened = VectorFile(cache.artifact("chunk-tokens", where, tokens))
        index = FlatIndex()
        self._index = DenseIndex.open(
            corpus,
            cache,
            index,
            self._metric,
            what="chunk keys",
            identity=keyed,
            dim=self.encoder.dim,
            encode=self._embed,
            shard=_DOCUMENTS,
        )
        self.tokens: NDArray[np.int32] = opened.vectors
        #: [chunks]: row of the passage that each chunk is of.
        self.documents: NDArray[np.int64] = opened.items_of(np.arange(len(opened.vectors)))
        #: [passages + 1]: passage i owns the chunks from ``starts[i]`` to ``starts[i + 1]``.
        self.starts: NDArray[np.int64] = np.searchsorted(
            self.documents, np.arange(opened.items + 1)
        )
        search = {"index": dict(index.identity()), "metric": self._metric}
        self._identity = {**keyed, "corpus": corpus.fingerprint, "search": search}
        self._cache = cache

    def __len__(self) -> int:
        """Chunks."""
        return len(self.documents)

    def read(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Chunks with their continuation, [..., 2m], and true on real tokens; the rest is 0.

        The continuation is the next chunk of the same document, and all filling behind the last.
        """
        after = np.minimum(rows + 1, len(self) - 1)
        inside = (after != rows) & (self.documents[after] == self.documents[rows])
        follow = np.where(inside[..., None], self.tokens[after], NO_TOKEN)
        both = np.concatenate((self.tokens[rows], follow), axis=-1)
        real = both != NO_TOKEN
        return np.where(real, both, 0), real

    def where(self, rows: Sequence[int]) -> list[tuple[str, int]]:
        """Passage id of each chunk, and the how-manieth of the passage it is, from 0."""
        at = np.asarray(rows, np.int64)
        places = at - self.starts[self.documents[at]]
        return list(zip(self._index.ids(self.documents[at].tolist()), places.tolist(), strict=True))

    def keys(self, chunks: Sequence[Sequence[int]], desc: str = "") -> NDArray[np.float32]:
        """Keys of chunks given as token ids, [n, dim]: of the index and of queries alike."""
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
            own: [n], the document (or group) that each key is of, -1 for none of the database.
            k: neighbours.
            groups: [passages], what counts as one document; default: each passage by itself.

        Returns:
            Chunk rows [n, k] (0 where there is none) and a mask [n, k] of the real ones.
        """
        owners = self.documents if groups is None else groups[self.documents]
        # As many more as the largest document has, so that enough are left after the filter.
        present = own[np.isin(own, owners)]
        spare = int(np.unique_counts(owners[np.isin(owners, present)]).counts.max(initial=0))
        _, found = self._index.search(keys, k + spare)
        return neighbours_elsewhere(found, owners, own, k)

    def own_neighbours(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """`nearest` of every chunk of the database, [chunks, k]; kept in the cache."""
        keys = self._index.file.vectors

        def search(start: int, stop: int) -> Shard:
            own = self.documents[start:stop]
            rows, real = self.nearest(np.asarray(keys[start:stop]), own, k)
            return Shard(np.where(real, rows, -1), np.ones(stop - start, np.int64))

        def build(folder: Path) -> None:
            encode_shards(folder, len(self), k, search, _QUERIES, np.int64)

        # Documents could once be grouped here: the entry keeps what was built valid.
        identity = {**self._identity, "k": k, "groups": None}
        found = VectorFile(self._cache.artifact("chunk-neighbours", identity, build)).vectors
        return np.maximum(found, 0), np.asarray(found >= 0)

    def _cut(self, passages: Sequence[Passage]) -> Shard:
        documents = self.tokenizer.encode([passage.text for passage in passages])
        parts = [chunk_document(ids, self.chunk_length, pad_id=NO_TOKEN) for ids in documents]
        rows = [part.keys[0] for part in parts]
        return Shard(np.concatenate(rows), np.array([len(part) for part in parts], np.int64))

    def _embed(self, passages: list[Passage], label: str) -> Shard:
        cut = self._cut(passages)
        chunks = [row[row != NO_TOKEN].tolist() for row in cut.vectors]
        return Shard(self.keys(chunks, label), cut.counts)
