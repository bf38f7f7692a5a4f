"""Single-encoder dense retrieval: one encoder for questions and passages.

Reimers and Gurevych 2019, Sentence-BERT. Passage vectors are computed once, offline; online, the
question alone goes through the encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from odqa.bounds import PathText
from odqa.encoders.sharded import Shard
from odqa.encoders.text import TextEncoder
from odqa.indexes.config import FlatIndex, IndexConfig
from odqa.indexes.dense import DenseIndex
from odqa.interfaces import Cost, ModelConfig, Retriever, StageConfig
from odqa.prepared_component import Opened, PreparedComponent
from odqa.types import Hit, Passage, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class SentenceConfig(StageConfig, ModelConfig):
    """Parameters of the sentence retriever."""

    checkpoint: PathText = Field(
        "embedded:minilm",
        description="Folder, embedded:NAME or hub id: sentence-transformers or BERT-like.",
    )
    pooling: Literal["auto", "mean", "cls"] = Field(
        "auto", description="Token vectors to one; auto: as the checkpoint says, else mean."
    )
    normalize: bool | None = Field(
        None, description="Unit length (cosine similarity); default: as the checkpoint says."
    )
    max_length: int | None = Field(
        None,
        ge=4,
        le=1_000_000,
        description="Tokens per text, markers included; default: the checkpoint's.",
    )
    query_prefix: str | None = Field(
        None, description="Put before every question; default: the checkpoint's prompt, if any."
    )
    passage_prefix: str | None = Field(
        None, description="Put before every passage; default: the checkpoint's prompt, if any."
    )
    index: IndexConfig = Field(FlatIndex(), description="How vectors are searched.")
    batch_size: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="Texts of 128 tokens per forward pass; default: 16 on a CPU, 64 on a GPU.",
    )


class SentenceRetriever(
    Retriever[SentenceConfig], PreparedComponent[SentenceConfig, TextEncoder, DenseIndex]
):
    """Finds passages by the inner product of sentence vectors."""

    Config = SentenceConfig
    type_name = "sentence"
    representation = "intra-passage dynamic"
    interaction = "none"
    #: Since 1 passages with equal scores come by id, not in corpus order.
    revision = 1
    precomputes = ("passage vectors",)
    #: An exact search reads every vector of the corpus once per call.
    questions_per_call = 2048

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        encoder = self._model
        vectors = encoder.encode([query.text for query in queries], prompt=self._query_prompt)
        encoder.check_finite(vectors, [query.id for query in queries], "question")
        return self._store.hits(vectors, k)

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the question, and the search."""
        encoder = self._model
        encoding = encoder.gflop(self._query_prompt + question.text)
        gflop = None if encoding is None else encoding + self._store.gflop()
        return Cost(parameters=encoder.parameters, gflop=gflop)

    def describe(self) -> dict[str, str]:
        cut = {"questions cut off": f"{self._model.truncated:,}"}
        return {**self._model.facts(), **self._store.facts(), **cut}

    def _load(self, cache: Cache) -> TextEncoder:
        config = self.config
        encoder = TextEncoder(
            config.checkpoint,
            pooling=config.pooling,
            normalize=config.normalize,
            max_length=config.max_length,
            device=config.device,
            precision=config.precision,
            batch_size=config.batch_size,
        )
        encoder.load(cache)
        return encoder

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[DenseIndex]:
        encoder, prefix = self._model, self.config.passage_prefix
        if prefix is None:
            prefix = encoder.settings.passage_prompt

        def encode(passages: list[Passage], label: str) -> Shard:
            tokens = encoder.tokenise([passage.full_text for passage in passages], prefix)
            return encoder.encode_passages(tokens, [passage.id for passage in passages], label)

        index = DenseIndex.open(
            corpus,
            cache,
            self.config.index,
            "ip",
            what="passage vectors",
            identity={
                "component": "sentence",
                "version": self.version,
                "encoder": encoder.identity(),
                "prefix": prefix,
            },
            dim=encoder.dim,
            encode=encode,
        )
        return Opened(index, index.stored)

    @property
    def _query_prompt(self) -> str:
        """Text before every question."""
        prefix = self.config.query_prefix
        return self._model.settings.query_prompt if prefix is None else prefix
