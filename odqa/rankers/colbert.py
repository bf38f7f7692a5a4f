"""Late interaction: every question token is matched with its best passage token (MaxSim).

Khattab and Zaharia 2020, ColBERT. Passage token vectors are computed once, offline, and kept in a
token store; online only the question goes through the encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from odqa.encoders.flops import linear_gflop
from odqa.encoders.late_interaction import LateInteractionEncoder
from odqa.encoders.late_interaction_config import LateInteractionConfig
from odqa.explanation import Explanation
from odqa.indexes.token_store import TokenStore, open_token_store
from odqa.interfaces import Cost, Ranker, RankerConfig, Stored
from odqa.prepared_component import Opened, PreparedComponent
from odqa.progress import progress
from odqa.rankers.alignment import alignment
from odqa.ranking import reranked
from odqa.types import Hit, Passage, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

# Questions whose passages are encoded together without an offline store.
_GROUP = 16


class ColbertConfig(RankerConfig, LateInteractionConfig):
    """Parameters of the ColBERT ranker."""

    #: Since version 0.1.0 its identity includes ``alpha``.
    later_fields = ()

    store: Literal["offline", "online"] = Field(
        "offline",
        description="Encode all passages once and keep them (float16), or those asked for, anew.",
    )


@dataclass(frozen=True, slots=True)
class TokenMatch:
    """The most similar passage token of one question token."""

    query_token: str
    passage_token: str
    passage_index: int
    score: float


class ColbertRanker(
    Ranker[ColbertConfig],
    PreparedComponent[ColbertConfig, LateInteractionEncoder, TokenStore | None],
):
    """Reorders hits by MaxSim between question and passage token vectors."""

    Config = ColbertConfig
    type_name = "colbert"
    representation = "intra-passage dynamic"
    interaction = "query-document"
    precomputes = ("passage token vectors",)

    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        with_hits = [i for i, question_hits in enumerate(hits) if question_hits]
        queries = self._encode_queries([questions[i] for i in with_hits])
        out: list[list[Hit]] = [[] for _ in questions]
        groups = range(0, len(with_hits), _GROUP)
        for first in progress(groups, "ColBERT ranks", len(groups), unit="group"):
            group = with_hits[first : first + _GROUP]
            rows = [self._corpus.rows([hit.passage_id for hit in hits[i]]) for i in group]
            # A fixed order, so that the order of the hits cannot change a score even by rounding.
            unique = sorted({row for question_rows in rows for row in question_rows})
            online = None if self._store is not None else self._encode_rows(unique)
            for offset, i in enumerate(group):
                scores = self._score(queries[first + offset], sorted(set(rows[offset])), online)
                own_scores = [scores[row] for row in rows[offset]]
                out[i] = reranked(hits[i], own_scores, k, questions[i].id)
        return out

    def align(self, question: Query, passage: Passage) -> list[TokenMatch]:
        """The passage token that each question token matches: the parts of the score.

        Returns:
            One match per question token, [MASK] fillers included. ``passage_index`` counts the
            tokens that have a vector (punctuation has none). For cosine similarity the scores add
            up to the MaxSim score.
        """
        pieces = self._model.query_tokens(question.text)
        query = self._encode_queries([question])[0, : len(pieces)]
        tokens = self._model.encode_passages([passage.full_text]).vectors
        similarity = query @ tokens.T
        best = similarity.argmax(axis=1)
        names = self._model.passage_tokens(passage.full_text)
        return [
            TokenMatch(piece, names[j], int(j), float(similarity[i, j]))
            for i, (piece, j) in enumerate(zip(pieces, best, strict=True))
        ]

    def explain(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]
    ) -> list[list[Explanation]]:
        """The alignment of every hit, from the vectors that `rank` scores with."""
        queries = self._encode_queries(questions)
        return [
            self._alignments(question, query, question_hits)
            for question, query, question_hits in zip(questions, queries, hits, strict=True)
        ]

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the question, and one dot product per pair of tokens.

        Every question has ``query_maxlen`` tokens. Without a store every passage goes through the
        encoder too.
        """
        encoder = self._model
        lengths = self._token_counts(hits)
        query_tokens = encoder.settings.query_maxlen
        encoded = [query_tokens, *(lengths if self._store is None else ())]
        parts = [encoder.gflop(tokens) for tokens in encoded]
        parts.append(linear_gflop(query_tokens, encoder.dim, sum(lengths)))
        return Cost.of_parts(encoder.parameters, parts)

    def describe(self) -> dict[str, str]:
        facts = self._model.facts()
        if self._store is not None:
            facts["stored tokens"] = str(len(self._store.vectors))
            facts["passages cut off"] = str(self._store.truncated)
        return facts

    def _load(self, cache: Cache) -> LateInteractionEncoder:
        return LateInteractionEncoder.loaded(self.config, cache)

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[TokenStore | None]:
        if self.config.store == "online":
            return Opened(None)
        store = open_token_store(self._model, corpus, cache, self.version)
        return Opened(store, (Stored("passage token vectors", store.bytes),))

    def _encode_queries(self, questions: Sequence[Query]) -> np.ndarray:
        vectors = self._model.encode_queries([question.text for question in questions])
        self._model.check_finite(vectors, [question.id for question in questions], "question")
        return vectors

    def _encode_rows(self, rows: Sequence[int]) -> dict[int, np.ndarray]:
        passages = [self._corpus[row] for row in rows]
        shard = self._model.encode_passages([passage.full_text for passage in passages])
        ids = [passage.id for passage in passages]
        self._model.check_finite(shard.vectors, ids, "passage", shard.counts)
        parts = np.split(shard.vectors, np.cumsum(shard.counts)[:-1])
        return dict(zip(rows, parts, strict=True))

    def _alignments(
        self, question: Query, query: np.ndarray, hits: Sequence[Hit]
    ) -> list[Explanation]:
        names = self._model.query_tokens(question.text)
        rows = self._corpus.rows([hit.passage_id for hit in hits])
        online = self._encode_rows(rows) if self._store is None and rows else {}
        explanations = []
        for hit, row in zip(hits, rows, strict=True):
            tokens = online[row] if self._store is None else self._store.gather([row])[0]
            spans = self._model.passage_spans(self._corpus[row].full_text)
            similarity = query[: len(names)] @ tokens.astype(np.float32).T
            explanations.append(alignment(hit.passage_id, names, spans, similarity))
        return explanations

    def _score(
        self, query: np.ndarray, rows: Sequence[int], online: dict[int, np.ndarray] | None
    ) -> dict[int, float]:
        import torch

        from odqa.encoders.maxsim import maxsim

        if online is None:
            assert self._store is not None
            packed, lengths = self._store.gather(rows)
        else:
            packed = np.concatenate([online[row] for row in rows])
            lengths = np.array([len(online[row]) for row in rows], dtype=np.int64)
        device = self._model.device
        scores = maxsim(
            torch.from_numpy(query).to(device),
            torch.from_numpy(packed).to(device),
            torch.from_numpy(lengths).to(device),
            self._model.settings.similarity,
        )
        return dict(zip(rows, scores.tolist(), strict=True))

    def _token_counts(self, hits: Sequence[Hit]) -> list[int]:
        rows = self._corpus.rows([hit.passage_id for hit in hits])
        if self._store is not None:
            return [int(n) for n in self._store.lengths(rows)]
        return [len(self._model.passage_tokens(self._corpus[row].full_text)) for row in rows]
