"""The vectors of a corpus and the search over them, common to all dense retrievers.

The vectors and the index are two artifacts, so that another index costs no encoding. Their cache
keys hold the encoder's content hash: an index is never searched with another encoder's questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from odqa.cache.key import versioned
from odqa.encoders.sharded import Shard, VectorFile, encode_shards
from odqa.indexes.config import FlatIndex, HnswIndex, IvfPqIndex, Metric
from odqa.indexes.faiss_index import VectorIndex, build_index
from odqa.interfaces import Stored
from odqa.types import Hit, Passage

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

#: Raised whenever `odqa.indexes.faiss_index` makes another index of the same vectors.
_INDEX_VERSION = 1

#: Passages -> their vectors; the second argument labels the progress bar.
EncodePassages = Callable[[list[Passage], str], Shard]


class DenseIndex:
    """One or several vectors per passage, open and searched exactly or approximately.

    Made by `open`.
    """

    def __init__(
        self, corpus: Corpus, file: VectorFile, index: VectorIndex, stored: tuple[Stored, ...]
    ) -> None:
        self._corpus = corpus
        self._index = index
        #: The vectors.
        self.file = file
        #: Artifacts on disk, with their sizes.
        self.stored = stored

    @classmethod
    def open(
        cls,
        corpus: Corpus,
        cache: Cache,
        config: FlatIndex | HnswIndex | IvfPqIndex,
        metric: Metric,
        *,
        what: str,
        identity: Mapping[str, object],
        dim: int,
        encode: EncodePassages,
        shard: int = 4096,
    ) -> Self:
        """Build or open vectors and index; encoding resumes after the last finished shard.

        Args:
            config: how to search.
            what: name of the vectors in progress bars and the cost table, e.g. "passage vectors".
            identity: what decides the vectors besides the corpus: encoder, settings, version.
            dim: width of the vectors.
            encode: called for passages whose vectors are not in the cache.
            shard: passages encoded together, in batches of like length.
        """
        n = len(corpus)

        def encode_rows(start: int, stop: int) -> Shard:
            label = f"{what} {start + 1:,}–{stop:,} of {n:,}"
            return encode(corpus.slice(start, stop), label)

        def build_vectors(folder: Path) -> None:
            encode_shards(folder, n, dim, encode_rows, shard)

        vectors_identity = {**identity, "what": what, "corpus": corpus.fingerprint}
        folder = cache.artifact("vectors", vectors_identity, build_vectors)
        file = VectorFile(folder)
        vectors = Stored(what, cache.bytes(folder))
        if isinstance(config, FlatIndex):
            flat = _opened(corpus, file, config, metric)
            return cls(corpus, file, flat, (vectors,))

        def build(folder: Path) -> None:
            build_index(folder, file.vectors, config, metric)

        parameters = {**config.identity(), "metric": metric}
        index_folder = cache.artifact(
            "dense-index",
            {"vectors": vectors_identity, "index": parameters, **versioned(_INDEX_VERSION)},
            build,
        )
        stored = (vectors, Stored(f"{config.type} index", cache.bytes(index_folder)))
        return cls(corpus, file, _opened(corpus, file, config, metric, index_folder), stored)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores, float32 [q, min(k, n)], and vector rows, int64, best first; ties by passage."""
        return self._index.search(queries, k)

    def hits(self, queries: np.ndarray, k: int) -> list[list[Hit]]:
        """The best ``k`` passages per query, for one vector per passage."""
        if not len(queries):
            return []
        return [
            [Hit(i, float(score)) for i, score in zip(self.ids(rows), scores, strict=True)]
            for scores, rows in zip(
                *(part.tolist() for part in self.search(queries, k)), strict=True
            )
        ]

    def ids(self, rows: Sequence[int]) -> list[str]:
        """Passage ids of corpus rows."""
        return self._corpus.ids(rows)

    def gflop(self) -> float:
        """GFLOP of searching for one query."""
        return self._index.gflop()

    def facts(self) -> dict[str, str]:
        """Index type with its measured recall, and how many passages were cut off."""
        file, index = self.file, self._index
        facts: dict[str, str] = {"index": index.config.type}
        facts |= {f"index recall@{k}": f"{share:.3f}" for k, share in index.recall.items()}
        facts["vectors"] = f"{len(file.vectors):,}"
        facts["passages cut off"] = f"{file.truncated:,} of {file.items:,}"
        return facts


def _opened(
    corpus: Corpus,
    file: VectorFile,
    config: FlatIndex | HnswIndex | IvfPqIndex,
    metric: Metric,
    folder: Path | None = None,
) -> VectorIndex:
    def tie_keys(rows: np.ndarray) -> list[tuple[str, int]]:
        # Vectors of one passage keep their order.
        ids = corpus.ids(file.items_of(rows).tolist())
        return list(zip(ids, rows.tolist(), strict=True))

    return VectorIndex(file.vectors, config, metric, folder, tie_keys, file.check)
