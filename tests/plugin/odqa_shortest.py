"""A third-party ranker: the shortest passage wins."""

from __future__ import annotations

from collections.abc import Sequence

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.interfaces import Ranker, StageConfig
from odqa.types import Hit, Question


class ShortestRanker(Ranker[StageConfig]):
    """Ranks short passages first."""

    Config = StageConfig

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        self.corpus = corpus

    def rank(
        self, questions: Sequence[Question], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        return [
            sorted(
                (Hit(h.passage_id, -len(self.corpus.get(h.passage_id).text)) for h in each),
                key=lambda hit: (-hit.score, hit.passage_id),
            )[:k]
            for each in hits
        ]
