"""Single-encoder dense retrieval: one encoder for questions and passages.

Reimers and Gurevych 2019, Sentence-BERT. Passage vectors are computed once, offline; online, the
question alone goes through the encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from odqa.encoders.sharded import Shard
from odqa.encoders.text import TextEncoder
from odqa.indexes.config import FlatIndex, IndexConfig
from odqa.indexes.dense import DenseIndex
from odqa.interfaces import Cost, ModelConfig, Retriever, StageConfig, Stored
from odqa.types import Hit, Passage, Question

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class SentenceConfig(StageConfig, ModelConfig):
    """Parameters of the sentence retriever."""

    checkpoint: str = Field(
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
        None, ge=4, description="Tokens per text, markers included; default: the checkpoint's."
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
        description="Texts of 128 tokens per forward pass; default: 16 on a CPU, 64 on a GPU.",
    )


class SentenceRetriever(Retriever[SentenceConfig]):
    """Finds passages by the inner product of sentence vectors."""

    Config = SentenceConfig
    representation = "intra-passage dynamic"
    interaction = "none"
    precomputes = ("passage vectors",)

    def __init__(self, config: SentenceConfig) -> None:
        super().__init__(config)
        self._encoder = TextEncoder(
            config.checkpoint,
            pooling=config.pooling,
            normalize=config.normalize,
            max_length=config.max_length,
            device=config.device,
            precision=config.precision,
            batch_size=config.batch_size,
        )
        self._index = DenseIndex(config.index, "ip", "passage vectors")
        self._query_prefix = ""

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        encoder = self._encoder
        encoder.load(cache)
        prompts = encoder.settings
        given = (self.config.query_prefix, self.config.passage_prefix)
        self._query_prefix = prompts.query_prompt if given[0] is None else given[0]
        prefix = prompts.passage_prompt if given[1] is None else given[1]
        identity = {
            "component": "sentence",
            "version": self.version,
            "encoder": encoder.identity(),
            "prefix": prefix,
        }

        def encode(passages: list[Passage], label: str) -> Shard:
            tokens = encoder.tokens([prefix + passage.full_text for passage in passages])
            ones = np.ones(len(passages), np.int64)
            return Shard(encoder.encode_tokens(tokens, label), ones, tokens.truncated)

        self._index.prepare(corpus, cache, identity, encoder.dim, encode)

    def retrieve(self, questions: Sequence[Question], k: int) -> list[list[Hit]]:
        texts = [self._query_prefix + question.text for question in questions]
        return self._index.hits(self._encoder.encode(texts), k)

    def stored(self) -> tuple[Stored, ...]:
        return self._index.stored()

    def cost(self, question: Question, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the question, and the search."""
        gflop = self._encoder.gflop(self._query_prefix + question.text) + self._index.gflop()
        return Cost(parameters=self._encoder.parameters, gflop=gflop)

    def describe(self) -> dict[str, str]:
        cut = {"questions cut off": f"{self._encoder.truncated:,}"}
        return {**self._encoder.facts(), **self._index.facts(), **cut}

    def close(self) -> None:
        self._encoder.close()
        self._index.close()
