"""Vectors of a whole corpus and the search over them: what all dense retrievers share.

The vectors and the index are two artifacts, so that another index costs no encoding. Their cache
keys hold the encoder's own content hash: an index cannot meet questions of another encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from odqa.encoders.sharded import Shard, VectorFile, encode_shards
from odqa.errors import ComponentError
from odqa.indexes.config import FlatIndex, HnswIndex, IvfPqIndex, Metric
from odqa.indexes.faiss_index import VectorIndex, build_index
from odqa.interfaces import Stored
from odqa.types import Hit, Passage

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

#: Vectors of some passages; the second argument labels the progress bar.
EncodePassages = Callable[[list[Passage], str], Shard]


class DenseIndex:
    """One or several vectors per passage, searched exactly or approximately.

    Args:
        config: how to search.
        metric: ``ip`` or ``l2``.
        what: what is stored, for progress bars and the cost table, such as "passage vectors".
    """

    def __init__(
        self, config: FlatIndex | HnswIndex | IvfPqIndex, metric: Metric, what: str
    ) -> None:
        self.config = config
        self.metric = metric
        self.what = what
        self._opened: tuple[Corpus, VectorFile, VectorIndex] | None = None
        self._stored: tuple[Stored, ...] = ()

    def prepare(
        self,
        corpus: Corpus,
        cache: Cache,
        identity: Mapping[str, object],
        dim: int,
        encode: EncodePassages,
        shard: int = 4096,
    ) -> None:
        """Build or open vectors and index; encoding goes on after the last finished shard.

        Args:
            identity: what decides the vectors beside the corpus: encoder, settings, version.
            dim: width of the vectors.
            encode: called for passages whose vectors are not in the cache.
            shard: passages that are encoded, and lost by a kill, together.
        """
        n = len(corpus)

        def encoded(start: int, stop: int) -> Shard:
            label = f"{self.what} {start + 1:,}–{stop:,} of {n:,}"
            return encode(corpus.slice(start, stop), label)

        def build_vectors(folder: Path) -> None:
            encode_shards(folder, n, dim, encoded, shard)

        key = {**identity, "what": self.what, "corpus": corpus.fingerprint}
        folder = cache.artifact("vectors", key, build_vectors)
        stored = [Stored(self.what, cache.bytes(folder))]
        found = VectorFile(folder)
        index = VectorIndex(found.vectors, self.config, self.metric)
        if not isinstance(self.config, FlatIndex):
            place = self._index_folder(cache, key, found)
            index = VectorIndex(found.vectors, self.config, self.metric, place)
            stored.append(Stored(f"{self.config.type} index", cache.bytes(place)))
        self._opened = (corpus, found, index)
        self._stored = tuple(stored)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores, float32 [q, min(k, n)], and vector rows, int64, best first."""
        return self._ready()[2].search(queries, k)

    def hits(self, queries: np.ndarray, k: int) -> list[list[Hit]]:
        """The best ``k`` passages per query, for one vector per passage."""
        corpus = self._ready()[0]
        if not len(queries):
            return []
        return [
            [Hit(i, float(score)) for i, score in zip(corpus.ids(rows), scores, strict=True)]
            for scores, rows in zip(
                *(part.tolist() for part in self.search(queries, k)), strict=True
            )
        ]

    def ids(self, rows: Sequence[int]) -> list[str]:
        """Passage ids of corpus rows."""
        return self._ready()[0].ids(rows)

    @property
    def file(self) -> VectorFile:
        """The vectors themselves."""
        return self._ready()[1]

    def gflop(self) -> float:
        """GFLOP of searching for one query."""
        return self._ready()[2].gflop()

    def stored(self) -> tuple[Stored, ...]:
        """What is on disk; empty before `prepare`."""
        return self._stored

    def facts(self) -> dict[str, str]:
        """Index type with its measured recall, and how many passages were cut off."""
        if self._opened is None:
            return {}
        _, file, index = self._opened
        facts: dict[str, str] = {"index": self.config.type}
        facts |= {f"index recall@{k}": f"{share:.3f}" for k, share in index.recall.items()}
        facts["vectors"] = f"{len(file.vectors):,}"
        facts["passages cut off"] = f"{file.truncated:,} of {file.items:,}"
        return facts

    def close(self) -> None:
        """Let go of vectors and index."""
        self._opened = None

    def _index_folder(self, cache: Cache, key: Mapping[str, object], found: VectorFile) -> Path:
        config = self.config
        assert not isinstance(config, FlatIndex)

        def build(folder: Path) -> None:
            build_index(folder, found.vectors, config, self.metric)

        parameters = {**config.identity(), "metric": self.metric}
        return cache.artifact("dense-index", {"vectors": key, "index": parameters}, build)

    def _ready(self) -> tuple[Corpus, VectorFile, VectorIndex]:
        if self._opened is None:
            raise ComponentError("not prepared", where=self.what, cure="call prepare first")
        return self._opened
