"""Dual-encoder dense retrieval: questions and passages have encoders of their own.

Karpukhin et al. 2020, Dense Passage Retrieval: the first token's vector, inner product, passages
encoded as the pair (title, text). Loads ``facebook/dpr-*`` and any two compatible checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from odqa.encoders.sharded import Shard
from odqa.encoders.text import TextEncoder
from odqa.errors import CheckpointError
from odqa.indexes.config import FlatIndex, IndexConfig
from odqa.indexes.dense import DenseIndex
from odqa.interfaces import Cost, ModelConfig, Retriever, StageConfig, Stored
from odqa.types import Hit, Passage, Question

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class DprConfig(StageConfig, ModelConfig):
    """Parameters of the DPR retriever."""

    question_encoder: str = Field(
        "embedded:dpr-question", description="Folder, embedded:NAME or hub id."
    )
    passage_encoder: str = Field(
        "embedded:dpr-passage", description="Folder, embedded:NAME or hub id."
    )
    pooling: Literal["auto", "mean", "cls"] = Field(
        "auto", description="Token vectors to one; auto: as the checkpoints say, else cls."
    )
    normalize: bool | None = Field(
        None, description="Unit length; default: as the checkpoints say, else no."
    )
    max_length: int = Field(256, ge=4, description="Tokens per text, markers included.")
    passage_format: Literal["auto", "pair", "joined"] = Field(
        "auto",
        description="Title and text as a pair, as DPR does, or joined by a space; auto: joined for "
        "sentence-transformers checkpoints, else pair.",
    )
    index: IndexConfig = Field(FlatIndex(), description="How vectors are searched.")
    batch_size: int | None = Field(
        None,
        ge=1,
        description="Texts of 128 tokens per forward pass; default: 16 on a CPU, 64 on a GPU.",
    )

    def checkpoints(self) -> tuple[str, ...]:
        """The two encoders."""
        return (self.question_encoder, self.passage_encoder)


class DprRetriever(Retriever[DprConfig]):
    """Finds passages by the inner product of question and passage vectors."""

    Config = DprConfig
    representation = "intra-passage dynamic"
    interaction = "none"
    precomputes = ("passage vectors",)

    def __init__(self, config: DprConfig) -> None:
        super().__init__(config)
        self._question_encoder = self._encoder(config.question_encoder)
        self._passage_encoder = self._encoder(config.passage_encoder)
        self._index = DenseIndex(config.index, "ip", "passage vectors")

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        asked, found = self._question_encoder, self._passage_encoder
        asked.load(cache)
        found.load(cache)
        self._check_towers()
        wish = self.config.passage_format
        joined = found.family == "sentence-transformers" if wish == "auto" else wish == "joined"
        identity = {
            "component": "dpr",
            "version": self.version,
            "encoder": found.identity(),
            "format": "joined" if joined else "pair",
        }

        def encode(passages: list[Passage], label: str) -> Shard:
            if joined:
                tokens = found.tokens([passage.full_text for passage in passages])
            else:
                titles = [passage.title for passage in passages]
                tokens = found.tokens([passage.text for passage in passages], titles)
            ones = np.ones(len(passages), np.int64)
            return Shard(found.encode_tokens(tokens, label), ones, tokens.truncated)

        self._index.prepare(corpus, cache, identity, found.dim, encode)
        # Online only questions are encoded.
        found.close()

    def retrieve(self, questions: Sequence[Question], k: int) -> list[list[Hit]]:
        texts = [question.text for question in questions]
        return self._index.hits(self._question_encoder.encode(texts), k)

    def stored(self) -> tuple[Stored, ...]:
        return self._index.stored()

    def cost(self, question: Question, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the question, and the search."""
        encoder = self._question_encoder
        gflop = encoder.gflop(question.text) + self._index.gflop()
        return Cost(parameters=encoder.parameters, gflop=gflop)

    def describe(self) -> dict[str, str]:
        cut = {"questions cut off": f"{self._question_encoder.truncated:,}"}
        return {**self._question_encoder.facts(), **self._index.facts(), **cut}

    def close(self) -> None:
        self._question_encoder.close()
        self._passage_encoder.close()
        self._index.close()

    def _encoder(self, checkpoint: str) -> TextEncoder:
        config = self.config
        return TextEncoder(
            checkpoint,
            pooling=config.pooling,
            normalize=config.normalize,
            max_length=config.max_length,
            device=config.device,
            precision=config.precision,
            batch_size=config.batch_size,
            plain_pooling="cls",
        )

    def _check_towers(self) -> None:
        """Refuse towers whose vectors cannot be compared."""
        asked, found = self._question_encoder, self._passage_encoder
        if asked.dim != found.dim:
            raise CheckpointError(
                f"gives vectors of width {asked.dim}, the passage encoder "
                f"'{found.checkpoint}' of width {found.dim}",
                where=asked.checkpoint,
                cure="name two encoders that were trained together",
            )
        if (asked.family, found.family) == ("dpr-passage", "dpr-question"):
            raise CheckpointError(
                "question_encoder and passage_encoder are the wrong way round",
                where=f"{asked.checkpoint}, {found.checkpoint}",
                cure="exchange them",
            )
