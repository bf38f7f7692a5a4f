"""BM25 by Lucene: the term-matching baseline.

Robertson and Zaragoza 2009; Lucene's variant leaves the constant factor ``k1 + 1`` out and keeps
text lengths in one byte (exact up to 40 terms), see Kamphuis et al. 2020. With ``rm3`` a question
takes over terms of the best passages it finds and is asked again (Abdul-Jaleel et al. 2004).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.cache.blocks import check_folder
from odqa.indexes.lucene import (
    DEFAULT_HEAP_MB,
    Feedback,
    LuceneIndex,
    anserini_jar,
    build_index,
    java_version,
    start_java,
)
from odqa.interfaces import ComponentConfig, Retriever, StageConfig, Stored
from odqa.prepared_component import Opened, PreparedComponent
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from pathlib import Path

    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class Rm3Config(ComponentConfig):
    """Pseudo-relevance feedback: what a question takes over of the best passages it finds."""

    fb_terms: int = Field(10, ge=1, le=10_000, description="Terms that are taken over.")
    fb_docs: int = Field(10, ge=1, le=10_000, description="Passages that they are taken from.")
    original_query_weight: float = Field(
        0.5, ge=0, le=1, description="Weight of the question as asked, against these terms."
    )


class Bm25Config(StageConfig):
    """Parameters of BM25."""

    later_fields = ("rm3",)

    k1: float = Field(0.9, ge=0, le=1_000, description="How slowly repeated terms stop counting.")
    b: float = Field(0.4, ge=0, le=1, description="How much long passages are discounted.")
    rm3: Rm3Config | None = Field(
        None,
        description="Pseudo-relevance feedback (RM3): ask again with terms of the best passages; "
        "{} for its defaults.",
    )
    threads: int = Field(2, ge=1, le=1_024, description="Threads that index and search.")
    heap_mb: int = Field(
        DEFAULT_HEAP_MB,
        ge=256,
        le=1_048_576,
        description="Memory of the JVM; the first one started decides.",
    )

    def identity(self) -> Mapping[str, object]:
        return self.model_dump(exclude={"threads", "heap_mb", *self._unset_later_fields()})


class Bm25Retriever(Retriever[Bm25Config], PreparedComponent[Bm25Config, None, LuceneIndex]):
    """Finds passages, title and text, by the terms they share with the question.

    Passages with equal scores come by id; passages without a shared term do not come.
    """

    Config = Bm25Config
    type_name = "bm25"
    representation = "static"
    interaction = "none"
    precomputes = ("inverted index",)
    #: Since 1 passages with equal scores come by id, not in corpus order.
    revision = 1

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        texts = [question.text for question in queries]
        hits = []
        for question_hits in self._store.search(texts, k, self.config.threads):
            ids = self._corpus.ids([row for row, _ in question_hits])
            pairs = zip(ids, question_hits, strict=True)
            best = [Hit(passage_id, score) for passage_id, (_, score) in pairs]
            hits.append(sorted(best, key=lambda hit: (-hit.score, hit.passage_id))[:k])
        return hits

    def describe(self) -> dict[str, str]:
        if self._bound is None:
            return {}
        facts = {"device": "cpu", "java": java_version(), "lucene": anserini_jar().stem}
        if (rm3 := self.config.rm3) is not None:
            facts["rm3"] = (
                f"{rm3.fb_terms} terms of {rm3.fb_docs} passages, question "
                f"{rm3.original_query_weight:g}"
            )
        return facts

    def _load(self, cache: Cache) -> None:
        """No model, but a JVM."""
        start_java(self.config.heap_mb)

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[LuceneIndex]:
        rm3 = self.config.rm3
        # k1 and b only matter when searching: every setting shares one index; feedback needs one
        # that has the terms of every passage too.
        identity = {
            "component": "bm25",
            "version": self.version,
            "corpus": corpus.fingerprint,
            "analysis": f"{anserini_jar().stem}, default English",
            **({} if rm3 is None else {"vectors": True}),
        }

        def build(work: Path) -> None:
            texts = (passage.full_text for passage in corpus)
            has_vectors = rm3 is not None
            build_index(
                work / "index", texts, len(corpus), self.config.threads, vectors=has_vectors
            )

        folder = cache.artifact("lucene", identity, build)
        check_folder(folder)
        feedback = None
        if rm3 is not None:
            feedback = Feedback(rm3.fb_terms, rm3.fb_docs, rm3.original_query_weight)
        index = LuceneIndex(folder / "index", k1=self.config.k1, b=self.config.b, feedback=feedback)
        return Opened(index, (Stored("inverted index", cache.bytes(folder)),))

    def _release(self, store: LuceneIndex) -> None:
        store.close()
