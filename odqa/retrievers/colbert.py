"""Late interaction over the whole corpus: MaxSim decides which passages are found.

Khattab and Zaharia 2020, ColBERT, section 3.5 (end-to-end retrieval); Santhanam et al. 2022, PLAID
(the compressed indexes). The exact search compares a question with every token of the corpus; it is
what a compressed one is measured against, on a sample, when that is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from odqa.cache.key import versioned
from odqa.encoders.flops import linear_gflop
from odqa.encoders.late_interaction import LateInteractionEncoder
from odqa.encoders.late_interaction_config import LateInteractionConfig
from odqa.indexes.colbert_ai import colbert_ai_version, load_colbert_ai
from odqa.indexes.config import ExactTokens, PlaidTokens, ResidualTokens, TokenIndexConfig
from odqa.indexes.maxsim_search import Scored, exact_maxsim
from odqa.indexes.plaid import PlaidIndex
from odqa.indexes.plaid_build import build_plaid_index, check_width
from odqa.indexes.residual import ResidualIndex, build_residual_index
from odqa.indexes.token_recall import measure_recall
from odqa.indexes.token_store import TokenStore, open_token_store
from odqa.interfaces import Cost, Retriever, StageConfig, Stored
from odqa.prepared_component import Opened, PreparedComponent
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

CompressedIndex = ResidualIndex | PlaidIndex

#: Raised whenever `odqa.indexes.residual` makes another index of the same vectors.
_INDEX_VERSION = 1
#: The same of `odqa.indexes.plaid_build`.
_PLAID_VERSION = 1
# Questions that recall is measured with: the first words of passages. Fewer where each of them is
# compared with very many tokens.
_SAMPLED, _FEWEST, _WORDS = 64, 4, 8
_SAMPLED_TOKENS = 200_000_000


class ColbertRetrieverConfig(StageConfig, LateInteractionConfig):
    """Parameters of the ColBERT retriever."""

    index: TokenIndexConfig = Field(ExactTokens(), description="How token vectors are searched.")


class ColbertRetriever(
    Retriever[ColbertRetrieverConfig],
    PreparedComponent[ColbertRetrieverConfig, LateInteractionEncoder, TokenStore | CompressedIndex],
):
    """Finds passages by MaxSim between question and passage token vectors.

    Passages with equal scores come by id. The exact index is the token store of the ranker
    ``colbert``: a pipeline with both encodes passages once.
    """

    Config = ColbertRetrieverConfig
    type_name = "colbert"
    representation = "intra-passage dynamic"
    interaction = "query-document"
    precomputes = ("passage token vectors", "compressed token vectors")

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        vectors = self._model.encode_queries([query.text for query in queries])
        self._model.check_finite(vectors, [query.id for query in queries], "question")
        if isinstance(self._store, TokenStore):
            scored = exact_maxsim(self._store, vectors, k, self._model.settings.similarity)
        else:
            scored = self._store.search(vectors, k)
        return [self._hits(each, k) for each in scored]

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the question, and the search: a dot product per pair of tokens.

        Every question has ``query_maxlen`` tokens.
        """
        encoder, store = self._model, self._store
        tokens = encoder.settings.query_maxlen
        encoding = encoder.gflop(tokens)
        if encoding is None:
            return Cost(parameters=encoder.parameters)
        if isinstance(store, TokenStore):
            search = linear_gflop(tokens, encoder.dim, len(store.vectors))
        else:
            search = store.gflop(tokens)
        return Cost(parameters=encoder.parameters, gflop=encoding + search)

    def describe(self) -> dict[str, str]:
        store = self._store
        facts = {**self._model.facts(), "index": self.config.index.type}
        if isinstance(store, TokenStore):
            facts["stored tokens"] = f"{len(store.vectors):,}"
            facts["passages cut off"] = f"{store.truncated:,} of {len(store):,}"
            return facts
        facts |= {f"index recall@{k}": f"{share:.3f}" for k, share in store.recall.items()}
        return {**facts, **store.facts()}

    def _load(self, cache: Cache) -> LateInteractionEncoder:
        encoder, index = LateInteractionEncoder.loaded(self.config, cache), self.config.index
        if isinstance(index, PlaidTokens):
            # What is missing is said before anything is encoded.
            check_width(encoder.dim, index)
            load_colbert_ai(cache)
        return encoder

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[TokenStore | CompressedIndex]:
        index = self.config.index
        if isinstance(index, ExactTokens):
            store = open_token_store(self._model, corpus, cache, self.version)
            return Opened(store, (Stored("passage token vectors", store.bytes),))
        folder = self._compressed(index, corpus, cache)
        opened = self._opened(folder, index, self.config.k)
        return Opened(opened, (Stored("compressed token vectors", cache.bytes(folder)),))

    def _opened(self, folder: Path, index: ResidualTokens | PlaidTokens, k: int) -> CompressedIndex:
        similarity = self._model.settings.similarity
        if isinstance(index, PlaidTokens):
            return PlaidIndex(folder, index, k, similarity)
        return ResidualIndex(folder, index, k, similarity)

    def _compressed(
        self, index: ResidualTokens | PlaidTokens, corpus: Corpus, cache: Cache
    ) -> Path:
        """The folder of a compressed index; the token store is needed to build it alone."""
        encoder = self._model
        similarity = encoder.settings.similarity

        def build(folder: Path) -> None:
            store = open_token_store(encoder, corpus, cache, self.version)
            if isinstance(index, PlaidTokens):
                build_plaid_index(folder, store, index)
            else:
                build_residual_index(folder, store, index)
            queries, own = self._sample(corpus, len(store.vectors))
            measure_recall(
                folder,
                store,
                lambda vectors, k: self._opened(folder, index, k).search(vectors, k),
                queries,
                own,
                similarity,
            )

        identity = {
            "component": "colbert",
            "version": self.version,
            "encoder": encoder.identity(),
            "query_maxlen": encoder.settings.query_maxlen,
            "similarity": similarity,
            "corpus": corpus.fingerprint,
            "index": index.identity(),
            **_maker(index),
        }
        return cache.artifact("token-index", identity, build)

    def _sample(self, corpus: Corpus, tokens: int) -> tuple[np.ndarray, np.ndarray]:
        """Questions that recall is measured with, and the rows that they are taken from."""
        count = max(_FEWEST, min(_SAMPLED, _SAMPLED_TOKENS // tokens))
        own = np.unique(np.linspace(0, len(corpus) - 1, count).astype(np.int64))
        texts = [" ".join(corpus[int(row)].text.split()[:_WORDS]) for row in own]
        return self._model.encode_queries(texts), own

    def _hits(self, scored: Scored, k: int) -> list[Hit]:
        rows, scores = (part.tolist() for part in scored)
        hits = [Hit(i, score) for i, score in zip(self._corpus.ids(rows), scores, strict=True)]
        return sorted(hits, key=lambda hit: (-hit.score, hit.passage_id))[:k]


def _maker(index: ResidualTokens | PlaidTokens) -> Mapping[str, object]:
    """What made a compressed index, as a part of its identity."""
    if isinstance(index, PlaidTokens):
        return {"colbert-ai": colbert_ai_version(), **versioned(_PLAID_VERSION)}
    return versioned(_INDEX_VERSION)
