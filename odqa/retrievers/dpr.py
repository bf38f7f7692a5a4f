"""Dual-encoder dense retrieval: questions and passages have separate encoders.

Karpukhin et al. 2020, Dense Passage Retrieval: the first token's vector, inner product, passages
encoded as the pair (title, text). Loads ``facebook/dpr-*`` and any two compatible checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from odqa.bounds import PathText
from odqa.encoders.sharded import Shard
from odqa.encoders.text import TextEncoder
from odqa.errors import CheckpointError
from odqa.indexes.config import FlatIndex, IndexConfig
from odqa.indexes.dense import DenseIndex
from odqa.interfaces import Cost, ModelConfig, Retriever, StageConfig
from odqa.prepared_component import Opened, PreparedComponent
from odqa.types import Hit, Passage, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class DprConfig(StageConfig, ModelConfig):
    """Parameters of the DPR retriever."""

    question_encoder: PathText = Field(
        "embedded:dpr-question", description="Folder, embedded:NAME or hub id."
    )
    passage_encoder: PathText = Field(
        "embedded:dpr-passage", description="Folder, embedded:NAME or hub id."
    )
    pooling: Literal["auto", "mean", "cls"] = Field(
        "auto", description="Token vectors to one; auto: as the checkpoints say, else cls."
    )
    normalize: bool | None = Field(
        None, description="Unit length; default: as the checkpoints say, else no."
    )
    max_length: int = Field(
        256, ge=4, le=1_000_000, description="Tokens per text, markers included."
    )
    passage_format: Literal["auto", "pair", "joined"] = Field(
        "auto",
        description="Title and text as a pair, as DPR does, or joined by a space; auto: joined for "
        "sentence-transformers checkpoints, else pair.",
    )
    index: IndexConfig = Field(FlatIndex(), description="How vectors are searched.")
    batch_size: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="Texts of 128 tokens per forward pass; default: 16 on a CPU, 64 on a GPU.",
    )

    def checkpoints(self) -> tuple[str, ...]:
        """The two encoders."""
        return (self.question_encoder, self.passage_encoder)


class DprRetriever(Retriever[DprConfig], PreparedComponent[DprConfig, TextEncoder, DenseIndex]):
    """Finds passages by the inner product of question and passage vectors.

    Its model is the question encoder; passages are encoded while an index is built.
    """

    Config = DprConfig
    type_name = "dpr"
    representation = "intra-passage dynamic"
    interaction = "none"
    #: Since 1 passages with equal scores come by id, not in corpus order.
    revision = 1
    precomputes = ("passage vectors",)
    #: An exact search reads every vector of the corpus once per call.
    questions_per_call = 2048

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        vectors = self._model.encode([question.text for question in queries])
        self._model.check_finite(vectors, [question.id for question in queries], "question")
        return self._store.hits(vectors, k)

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the question, and the search."""
        encoding = self._model.gflop(question.text)
        gflop = None if encoding is None else encoding + self._store.gflop()
        return Cost(parameters=self._model.parameters, gflop=gflop)

    def describe(self) -> dict[str, str]:
        cut = {"questions cut off": f"{self._model.truncated:,}"}
        return {**self._model.facts(), **self._store.facts(), **cut}

    def _load(self, cache: Cache) -> TextEncoder:
        return self._encoder(self.config.question_encoder, cache)

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[DenseIndex]:
        # Online only questions are encoded: this encoder is freed when the index is built.
        encoder = self._encoder(self.config.passage_encoder, cache)
        _check_towers(self._model, encoder)
        passage_format = self.config.passage_format
        joined = (
            encoder.family == "sentence-transformers"
            if passage_format == "auto"
            else passage_format == "joined"
        )

        def encode(passages: list[Passage], label: str) -> Shard:
            if joined:
                tokens = encoder.tokens([passage.full_text for passage in passages])
            else:
                titles = [passage.title for passage in passages]
                tokens = encoder.tokens([passage.text for passage in passages], titles)
            return encoder.encode_passages(tokens, [passage.id for passage in passages], label)

        index = DenseIndex.open(
            corpus,
            cache,
            self.config.index,
            "ip",
            what="passage vectors",
            identity={
                "component": "dpr",
                "version": self.version,
                "encoder": encoder.identity(),
                "format": "joined" if joined else "pair",
            },
            dim=encoder.dim,
            encode=encode,
        )
        return Opened(index, index.stored)

    def _encoder(self, checkpoint: str, cache: Cache) -> TextEncoder:
        config = self.config
        encoder = TextEncoder(
            checkpoint,
            pooling=config.pooling,
            normalize=config.normalize,
            max_length=config.max_length,
            device=config.device,
            precision=config.precision,
            batch_size=config.batch_size,
            plain_pooling="cls",
        )
        encoder.load(cache)
        return encoder


def _check_towers(question: TextEncoder, passage: TextEncoder) -> None:
    """Refuse encoders whose vectors cannot be compared."""
    if question.dim != passage.dim:
        raise CheckpointError(
            f"gives vectors of width {question.dim}, the passage encoder "
            f"'{passage.checkpoint}' of width {passage.dim}",
            where=question.checkpoint,
            cure="name two encoders that were trained together",
        )
    if (question.family, passage.family) == ("dpr-passage", "dpr-question"):
        raise CheckpointError(
            "question_encoder and passage_encoder are the wrong way round",
            where=f"{question.checkpoint}, {passage.checkpoint}",
            cure="exchange them",
        )
