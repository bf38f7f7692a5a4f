"""DSSM: letter trigrams through three layers to one vector a text; no interaction.

Huang et al. 2013, Learning Deep Structured Semantic Models for Web Search using Clickthrough Data.
Passage vectors are computed once, offline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.bounds import PathText
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.devices import pick_device
from odqa.encoders.sharded import Shard
from odqa.indexes.config import FlatIndex, IndexConfig
from odqa.indexes.dense import DenseIndex
from odqa.interfaces import Cost, Retriever, StageConfig
from odqa.prepared_component import Opened, PreparedComponent
from odqa.types import Hit, Passage, Query
from odqa.word_models.config import WordModelConfig

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus
    from odqa.word_models.dssm import DssmModel


class DssmConfig(StageConfig, WordModelConfig):
    """Parameters of the DSSM retriever."""

    checkpoint: PathText = Field(
        "embedded:dssm", description="Folder that odqa train made, or embedded:NAME."
    )
    index: IndexConfig = Field(FlatIndex(), description="How vectors are searched.")


class DssmRetriever(Retriever[DssmConfig], PreparedComponent[DssmConfig, "DssmModel", DenseIndex]):
    """Finds passages by gamma times the cosine of question and passage vectors."""

    Config = DssmConfig
    type_name = "dssm"
    representation = "static"
    interaction = "none"
    precomputes = ("passage vectors",)
    #: An exact search reads every vector of the corpus once per call.
    questions_per_call = 2048

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        vectors = self._model.encode_questions(
            [query.text for query in queries], [query.id for query in queries]
        )
        return self._store.hits(vectors, k)

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """The rows of the question's trigrams, two matrices, and the search."""
        gflop = self._model.gflop(question.text) + self._store.gflop()
        return Cost(parameters=self._model.parameters, gflop=gflop)

    def describe(self) -> dict[str, str]:
        return {**self._model.facts(), **self._store.facts()}

    def _load(self, cache: Cache) -> DssmModel:
        from odqa.word_models.dssm import DssmModel

        config = self.config
        folder = resolve_checkpoint(config.checkpoint, cache)
        device = pick_device(config.device)
        return DssmModel.load(folder, config.checkpoint, device, config.batch_size)

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[DenseIndex]:
        model = self._model

        def encode(passages: list[Passage], _label: str) -> Shard:
            texts = [passage.full_text for passage in passages]
            return model.encode_passages(texts, [passage.id for passage in passages])

        index = DenseIndex.open(
            corpus,
            cache,
            self.config.index,
            "ip",
            what="passage vectors",
            identity={"component": "dssm", "version": self.version, "encoder": model.identity()},
            dim=model.dim,
            encode=encode,
        )
        return Opened(index, index.stored)
