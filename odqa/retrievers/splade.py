"""Learned sparse retrieval: a masked language model weighs words, an inverted index finds them.

Formal et al. 2021, SPLADE v2: every text becomes weights of words of the model's vocabulary, those
it has and others that it implies. Passages are encoded offline into an impact index; online the
question goes through the encoder, and the lists of its words are added up: scores are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.bounds import PathText
from odqa.encoders.sharded import Shard
from odqa.encoders.sparse import SparseTextEncoder, SparseVector
from odqa.indexes.impact import ImpactIndex, best_rows, build_impact_index
from odqa.interfaces import Cost, ModelConfig, Retriever, StageConfig, Stored
from odqa.prepared_component import Opened, PreparedComponent
from odqa.types import Hit, Passage, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class SpladeConfig(StageConfig, ModelConfig):
    """Parameters of the SPLADE retriever."""

    checkpoint: PathText = Field(
        "embedded:splade",
        description="Folder, embedded:NAME or hub id: a masked language model trained as SPLADE, "
        "or a folder of sentence-transformers' SparseEncoder.",
    )
    max_length: int | None = Field(
        None,
        ge=4,
        le=1_000_000,
        description="Tokens per text, markers included; default: the checkpoint's.",
    )
    query_terms: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="Words kept per question, those with the largest weights; default: all.",
    )
    passage_terms: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="Words kept per passage, those with the largest weights; default: all.",
    )
    batch_size: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="Texts of 128 tokens per forward pass; default: 8 on a CPU, 32 on a GPU.",
    )


@dataclass(frozen=True, slots=True)
class TermMatch:
    """A word that question and passage share; the products of the weights add up to the score."""

    term: str
    question_weight: float
    passage_weight: float


class SpladeRetriever(
    Retriever[SpladeConfig], PreparedComponent[SpladeConfig, SparseTextEncoder, ImpactIndex]
):
    """Finds passages by the inner product of sparse vectors.

    Passages with equal scores come by id; passages without a shared word do not come.
    """

    Config = SpladeConfig
    type_name = "splade"
    representation = "intra-passage dynamic"
    interaction = "none"
    precomputes = ("impact index",)

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        vectors = self._model.encode_queries(
            [query.text for query in queries], [query.id for query in queries]
        )
        return [self._best(vector, k) for vector in vectors]

    def matches(self, question: Query, passage: Passage) -> list[TermMatch]:
        """The words that make up the score of a passage, largest part first."""
        query = self._model.query_vector(question.text)
        shard = self._model.encode_passages([passage.full_text], [passage.id])
        weights = {int(term): float(weight) for term, weight in shard.vectors}
        shared = [
            TermMatch(self._model.word(int(term)), float(weight), weights[int(term)])
            for term, weight in query
            if int(term) in weights
        ]
        return sorted(shared, key=lambda each: -each.question_weight * each.passage_weight)

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the question, and a multiply-add for each passage of its words."""
        encoder = self._model
        encoding = encoder.gflop(question.text)
        if encoding is None:
            return Cost(parameters=encoder.parameters)
        search = 2 * self._store.lengths(encoder.query_vector(question.text)) / 1e9
        return Cost(parameters=encoder.parameters, gflop=encoding + search)

    def describe(self) -> dict[str, str]:
        index = self._store
        return {
            **self._model.facts(),
            "passage terms (mean)": f"{index.postings / index.items:.1f}",
            "passages cut off": f"{index.truncated:,} of {index.items:,}",
        }

    def _load(self, cache: Cache) -> SparseTextEncoder:
        config = self.config
        encoder = SparseTextEncoder(
            config.checkpoint,
            max_length=config.max_length,
            query_terms=config.query_terms,
            passage_terms=config.passage_terms,
            device=config.device,
            precision=config.precision,
            batch_size=config.batch_size,
        )
        encoder.load(cache)
        return encoder

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[ImpactIndex]:
        encoder, n = self._model, len(corpus)
        identity = {
            "component": "splade",
            "version": self.version,
            "encoder": encoder.identity(),
            "corpus": corpus.fingerprint,
        }

        def encode(start: int, stop: int) -> Shard:
            passages = corpus.slice(start, stop)
            label = f"passage terms {start + 1:,}–{stop:,} of {n:,}"
            texts = [passage.full_text for passage in passages]
            return encoder.encode_passages(texts, [passage.id for passage in passages], label)

        def build(folder: Path) -> None:
            build_impact_index(folder, n, encoder.vocabulary, encode, encoder.checkpoint)

        folder = cache.artifact("impact-index", identity, build)
        return Opened(ImpactIndex(folder), (Stored("impact index", cache.bytes(folder)),))

    def _best(self, vector: SparseVector, k: int) -> list[Hit]:
        scores = self._store.scores(vector)
        rows = best_rows(scores, k).tolist()
        ids = self._corpus.ids(rows)
        hits = [Hit(i, float(scores[row])) for i, row in zip(ids, rows, strict=True)]
        return sorted(hits, key=lambda hit: (-hit.score, hit.passage_id))[:k]
