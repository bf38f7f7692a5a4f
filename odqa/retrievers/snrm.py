"""SNRM: sparse vectors of latent terms, searched by an inverted index; no interaction.

Zamani et al. 2018, From Neural Re-Ranking to Neural Ranking: Learning a Sparse Representation for
Inverted Indexing. The index is built once, offline.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from odqa.bounds import PathText
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.devices import pick_device
from odqa.encoders.sharded import Shard
from odqa.indexes.impact import ImpactIndex, best_rows, build_impact_index
from odqa.interfaces import Cost, Retriever, StageConfig, Stored
from odqa.prepared_component import Opened, PreparedComponent
from odqa.types import Hit, Query
from odqa.word_models.config import WordModelConfig

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus
    from odqa.word_models.snrm import SnrmModel

# Passages of one shard; a kill costs at most so many.
_SHARD = 1024


class SnrmConfig(StageConfig, WordModelConfig):
    """Parameters of the SNRM retriever."""

    checkpoint: PathText = Field(
        "embedded:snrm", description="Folder that odqa train made, or embedded:NAME."
    )


class SnrmRetriever(Retriever[SnrmConfig], PreparedComponent[SnrmConfig, "SnrmModel", ImpactIndex]):
    """Finds passages by the inner product of latent terms.

    Passages with equal scores come by id; passages without a shared term do not come.
    """

    Config = SnrmConfig
    type_name = "snrm"
    representation = "intra-passage dynamic"
    interaction = "none"
    precomputes = ("inverted index of latent terms",)

    def __init__(self, config: SnrmConfig) -> None:
        super().__init__(config)
        # Latent terms of all questions so far, and how many questions.
        self._question_terms = np.zeros(2, np.int64)

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        return [self._best(vector, k) for vector in self._vectors(queries)]

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """All layers for each word of the question, and a multiply-add a posting of its terms."""
        (vector,) = self._encoded([question])
        search = 2 * self._store.lengths(vector) / 1e9
        return Cost(
            parameters=self._model.parameters, gflop=self._model.gflop(question.text) + search
        )

    def describe(self) -> dict[str, str]:
        """Among others the densities: mean shares of latent terms that are not 0."""
        index, terms = self._store, self._model.settings.terms
        terms_so_far, questions = self._question_terms.tolist()
        density = {"passage density": f"{index.postings / (index.items * terms):.4f}"}
        if questions:
            density["question density"] = f"{terms_so_far / (questions * terms):.4f}"
        return {**self._model.facts(), **density}

    def _load(self, cache: Cache) -> SnrmModel:
        from odqa.word_models.snrm import SnrmModel

        config = self.config
        folder = resolve_checkpoint(config.checkpoint, cache)
        device = pick_device(config.device)
        return SnrmModel.load(folder, config.checkpoint, device, config.batch_size)

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[ImpactIndex]:
        model, n = self._model, len(corpus)
        identity = {
            "component": "snrm",
            "version": self.version,
            "encoder": model.identity(),
            "corpus": corpus.fingerprint,
        }

        def encode(start: int, stop: int) -> Shard:
            passages = corpus.slice(start, stop)
            texts = [passage.full_text for passage in passages]
            return model.encode(texts, [passage.id for passage in passages], "passage")

        def build(folder: Path) -> None:
            terms = model.settings.terms
            build_impact_index(folder, n, terms, encode, model.checkpoint, _SHARD)

        folder = cache.artifact("impact-index", identity, build)
        stored = Stored("inverted index of latent terms", cache.bytes(folder))
        return Opened(ImpactIndex(folder), (stored,))

    def _vectors(self, queries: Sequence[Query]) -> list[np.ndarray]:
        vectors = self._encoded(queries)
        self._question_terms += (sum(map(len, vectors)), len(vectors))
        return vectors

    def _encoded(self, queries: Sequence[Query]) -> list[np.ndarray]:
        """Latent terms of each question, float32 [terms, 2], by rising term."""
        ids = [query.id for query in queries]
        shard = self._model.encode([query.text for query in queries], ids, "question")
        return np.split(shard.vectors, shard.counts.cumsum()[:-1]) if ids else []

    def _best(self, vector: np.ndarray, k: int) -> list[Hit]:
        scores = self._store.scores(vector)
        rows = best_rows(scores, k).tolist()
        ids = self._corpus.ids(rows)
        hits = [Hit(i, float(scores[row])) for i, row in zip(ids, rows, strict=True)]
        return sorted(hits, key=lambda hit: (-hit.score, hit.passage_id))[:k]
