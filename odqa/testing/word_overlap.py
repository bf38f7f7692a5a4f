"""Components without a model: they count words. For tests of code that uses components."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.interfaces import (
    ComponentConfig,
    Cost,
    Ranker,
    RankerConfig,
    Reader,
    Retriever,
    StageConfig,
)
from odqa.types import Answer, Hit, Passage, Query


def overlap(question: str, passage: Passage) -> float:
    """How many different words of the question are in title or text."""
    return float(len(set(question.lower().split()) & set(passage.full_text.lower().split())))


class OverlapConfig(StageConfig):
    """Parameters of the word counters."""

    weight: float = Field(1.0, ge=0, description="Factor on the number of shared words.")


class OverlapRankerConfig(RankerConfig):
    """Parameters of the ranker that counts words."""

    weight: float = Field(1.0, ge=0, description="Factor on the number of shared words.")


class OverlapRetriever(Retriever[OverlapConfig]):
    """Finds passages that share words with the question."""

    Config = OverlapConfig

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Bind the corpus."""
        self.corpus = corpus

    def retrieve(self, questions: Sequence[Query], k: int) -> list[list[Hit]]:
        """Best ``k`` by shared words; ties in corpus order."""
        rankings = []
        for question in questions:
            weight = self.config.weight
            hits = [Hit(p.id, weight * overlap(question.text, p)) for p in self.corpus]
            rankings.append(sorted(hits, key=lambda hit: -hit.score)[:k])
        return rankings

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One operation per word."""
        return Cost(gflop=len(question.text.split()) / 1e9)


class OverlapRanker(Ranker[OverlapRankerConfig]):
    """Ranks by the share of the passage's words that the question has."""

    Config = OverlapRankerConfig

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Bind the corpus."""
        self.corpus = corpus

    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        """Best ``k`` by shared words per word of the passage."""
        return [
            sorted(
                (self._hit(q, hit) for hit in question_hits),
                key=lambda hit: (-hit.score, hit.passage_id),
            )[:k]
            for q, question_hits in zip(questions, hits, strict=True)
        ]

    def _hit(self, question: Query, hit: Hit) -> Hit:
        passage = self.corpus.get(hit.passage_id)
        share = overlap(question.text, passage) / len(passage.full_text.split())
        return Hit(hit.passage_id, self.config.weight * share)


class FirstWordReader(Reader[ComponentConfig]):
    """Answers with the first word of the best passage."""

    Config = ComponentConfig

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Bind the corpus."""
        self.corpus = corpus

    def read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        """First word of the first hit."""
        return [self._answer(question_hits) for question_hits in hits]

    def _answer(self, hits: Sequence[Hit]) -> Answer:
        if not hits:
            return Answer("", 0.0)
        text = self.corpus.get(hits[0].passage_id).text
        word = text.split()[0]
        return Answer(word, hits[0].score, hits[0].passage_id, 0, len(word))
