"""RETRO's retrieval: chunks of tokens by mean-pooled vectors of a frozen encoder.

Borgeaud et al. 2021, sections 2.2 and 2.3: a text is cut into chunks of m = 64 tokens, the key of
a chunk is the mean over its token vectors, and neighbours are the nearest keys in L2. Here chunks
do not cross passages, and hits on chunks become hits on passages by the best chunk of each, so
that every pipeline is scored on the same unit. The report shows how many chunk hits the passages
took; `RetroRetriever.retrieve_chunks` gives the chunks themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from odqa.bounds import PathText
from odqa.encoders.sharded import Shard
from odqa.encoders.text import TextEncoder
from odqa.encoders.tokens import Tokens
from odqa.errors import CheckpointError
from odqa.indexes.config import FlatIndex, IndexConfig, Metric
from odqa.indexes.dense import DenseIndex
from odqa.interfaces import Cost, ModelConfig, Retriever, StageConfig
from odqa.prepared_component import Opened, PreparedComponent
from odqa.retro.offline.chunks import chunk_document
from odqa.types import Hit, Passage, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class RetroRetrieverConfig(StageConfig, ModelConfig):
    """Parameters of RETRO's retriever."""

    checkpoint: PathText = Field(
        "embedded:minilm", description="Frozen encoder: folder, embedded:NAME or hub id."
    )
    chunk_tokens: int = Field(
        64, ge=1, le=1_000_000, description="Tokens per chunk (m), markers not counted."
    )
    metric: Metric = Field(
        "l2", description="l2 on the mean vectors, or ip on unit vectors (cosine similarity)."
    )
    index: IndexConfig = Field(FlatIndex(), description="How chunk keys are searched.")
    batch_size: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="Texts of 128 tokens per forward pass; default: 16 on a CPU, 64 on a GPU.",
    )


@dataclass(frozen=True, slots=True)
class ChunkHit:
    """One chunk: number ``chunk`` (from 0) of passage ``passage_id``; higher scores are better."""

    passage_id: str
    chunk: int
    score: float


class RetroRetriever(
    Retriever[RetroRetrieverConfig],
    PreparedComponent[RetroRetrieverConfig, TextEncoder, DenseIndex],
):
    """Finds passages by their nearest chunk."""

    Config = RetroRetrieverConfig
    type_name = "retro"
    representation = "intra-passage dynamic"
    interaction = "none"
    #: Since 1 passages with equal scores come by id, not in corpus order.
    revision = 1
    precomputes = ("chunk keys",)
    #: An exact search reads every vector of the corpus once per call.
    questions_per_call = 2048

    def __init__(self, config: RetroRetrieverConfig) -> None:
        super().__init__(config)
        self._cut = 0
        self._chunk_counts = _ChunkCounts()

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        keys = self._keys(queries)
        n_passages = min(k, self._store.file.items)
        out: list[list[Hit]] = [[] for _ in queries]
        open_questions = np.arange(len(queries))
        fetch = 2 * n_passages
        while len(open_questions):
            scores, rows = self._store.search(keys[open_questions], fetch)
            best = [
                list(_best_chunks(s, p)) for s, p in zip(scores, self._owners(rows), strict=True)
            ]
            is_exhaustive = rows.shape[1] == len(self._store.file.vectors)
            enough = np.array([is_exhaustive or len(chunks) >= n_passages for chunks in best])
            for position in np.flatnonzero(enough):
                chunks = best[position][:n_passages]
                self._chunk_counts.add(chunks)
                ids = self._store.ids([chunk.row for chunk in chunks])
                out[open_questions[position]] = [
                    Hit(i, chunk.score) for i, chunk in zip(ids, chunks, strict=True)
                ]
            open_questions = open_questions[~enough]
            fetch *= 2
        return out

    def retrieve_chunks(self, queries: Sequence[Query], k: int) -> list[list[ChunkHit]]:
        """The best ``k`` chunks per question; several may be of one passage."""
        if not queries:
            return []
        scores, rows = self._store.search(self._keys(queries), k)
        owners = self._owners(rows)
        offsets = self._store.file.offsets
        numbers = rows - (owners if offsets is None else offsets[owners])
        return [
            [
                ChunkHit(i, int(n), float(s))
                for i, n, s in zip(
                    self._store.ids(chunk_owners.tolist()), chunk_numbers, chunk_scores, strict=True
                )
            ]
            for chunk_owners, chunk_numbers, chunk_scores in zip(
                owners, numbers, scores, strict=True
            )
        ]

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the question, and the search among all chunks."""
        encoding = self._model.gflop(question.text)
        gflop = None if encoding is None else encoding + self._store.gflop()
        return Cost(parameters=self._model.parameters, gflop=gflop)

    def describe(self) -> dict[str, str]:
        facts = {
            "metric": self.config.metric,
            "text tokens (at most)": f"{self.config.chunk_tokens} a chunk",
            "questions cut off": f"{self._cut:,}",
        }
        return {**self._model.facts(), **self._store.facts(), **facts, **self._chunk_counts.facts()}

    def _load(self, cache: Cache) -> TextEncoder:
        config = self.config
        encoder = TextEncoder(
            config.checkpoint,
            pooling="mean",
            normalize=config.metric == "ip",
            device=config.device,
            precision=config.precision,
            batch_size=config.batch_size,
            max_length=None,
        )
        encoder.load(cache)
        room = encoder.position_limit - encoder.tokens.markers
        if config.chunk_tokens > room:
            raise CheckpointError(
                f"chunk_tokens is {config.chunk_tokens}, the encoder takes at most {room} beside "
                "its markers",
                where=encoder.checkpoint,
                cure=f"set chunk_tokens to {room} or less",
            )
        return encoder

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[DenseIndex]:
        encoder, size = self._model, self.config.chunk_tokens

        def encode(passages: list[Passage], label: str) -> Shard:
            texts = encoder.tokens.bare([passage.full_text for passage in passages])
            chunks = [_chunks_of(ids, size) for ids in texts]
            marked = [encoder.tokens.marked(chunk) for row in chunks for chunk in row]
            counts = np.array([len(row) for row in chunks], np.int64)
            vectors = encoder.encode_tokens(Tokens(marked), label)
            ids = [passage.id for passage in passages]
            encoder.check_finite(vectors, ids, "passage", counts)
            return Shard(vectors, counts)

        index = DenseIndex.open(
            corpus,
            cache,
            self.config.index,
            self.config.metric,
            what="chunk keys",
            identity={
                "component": "retro",
                "version": self.version,
                "encoder": {**encoder.identity(), "max_length": size + encoder.tokens.markers},
                "chunk_tokens": size,
            },
            dim=encoder.dim,
            encode=encode,
        )
        return Opened(index, index.stored)

    def _keys(self, queries: Sequence[Query]) -> np.ndarray:
        """Questions are pooled as chunks are; of a longer one, the first chunk is used."""
        tokens = self._model.tokens
        texts = tokens.bare([question.text for question in queries])
        chunks = [_chunks_of(ids, self.config.chunk_tokens) for ids in texts]
        self._cut += sum(len(question_chunks) > 1 for question_chunks in chunks)
        vectors = self._model.encode_tokens(
            Tokens([tokens.marked(question_chunks[0]) for question_chunks in chunks])
        )
        self._model.check_finite(vectors, [question.id for question in queries], "question")
        return vectors

    def _owners(self, rows: np.ndarray) -> np.ndarray:
        return self._store.file.items_of(rows)


def _chunks_of(ids: Sequence[int], size: int) -> list[list[int]]:
    """Token ids of each chunk; one empty chunk without tokens, so that every passage has a key."""
    tokens, real = chunk_document(ids, size).keys
    return [row[mask].tolist() for row, mask in zip(tokens, real, strict=True)] or [[]]


@dataclass(frozen=True, slots=True)
class _BestChunk:
    """A passage (its row in the corpus) at its best chunk, the ``rank``-th of all (from 0)."""

    row: int
    score: float
    rank: int


def _best_chunks(scores: np.ndarray, owners: np.ndarray) -> Iterator[_BestChunk]:
    """Each passage once, at its best chunk, best first."""
    owners_so_far: set[int] = set()
    for rank, (owner, score) in enumerate(zip(owners.tolist(), scores.tolist(), strict=True)):
        if owner not in owners_so_far:
            owners_so_far.add(owner)
            yield _BestChunk(owner, score, rank)


@dataclass(slots=True)
class _ChunkCounts:
    """The numbers of chunk hits and of the passages they gave, over all questions so far."""

    questions: int = 0
    passages: int = 0
    chunks: int = 0

    def add(self, chunks: Sequence[_BestChunk]) -> None:
        """Count one question: its passages, and the chunks down to the last one's best."""
        self.questions += 1
        self.passages += len(chunks)
        self.chunks += chunks[-1].rank + 1 if chunks else 0

    def facts(self) -> dict[str, str]:
        if not self.questions:
            return {}
        passages, chunks = self.passages / self.questions, self.chunks / self.questions
        return {"hits per question": f"{chunks:.1f} chunks for {passages:.1f} passages"}
