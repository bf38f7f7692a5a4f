"""What rankers that read question and passage together have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from odqa.interfaces import Ranker, RankerConfig
from odqa.prepared_component import ModelComponent, ModelT
from odqa.progress import progress
from odqa.ranking import reranked
from odqa.types import Hit, Query

#: Question and passage text.
Pair = tuple[str, str]
# Questions whose pairs are sorted by length together: enough for full batches, bounded memory.
_GROUP = 16

C = TypeVar("C", bound=RankerConfig, covariant=True)


class PairRanker(Ranker[C], ModelComponent[C, ModelT], Generic[C, ModelT]):
    """Reorders hits by a score of each question-passage pair.

    Each distinct pair is scored once: equal texts get equal scores, whatever their ids.
    """

    #: What the progress bar calls it.
    label: ClassVar[str]

    @abstractmethod
    def _score(self, pairs: Sequence[Pair]) -> Mapping[Pair, float]:
        """Scores of distinct pairs, which come in sorted order."""

    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        out: list[list[Hit]] = []
        groups = range(0, len(questions), _GROUP)
        for start in progress(groups, f"{self.label} ranks", len(groups), unit="group"):
            group = range(start, min(start + _GROUP, len(questions)))
            pairs = [self._pairs(questions[i], hits[i]) for i in group]
            scores = self._score(sorted({pair for of_question in pairs for pair in of_question}))
            for i, of_question in zip(group, pairs, strict=True):
                own = [scores[pair] for pair in of_question]
                out.append(reranked(hits[i], own, k, questions[i].id))
        return out

    def _pairs(self, question: Query, hits: Sequence[Hit]) -> list[Pair]:
        return [(question.text, text) for text in self._texts(hits)]

    def _texts(self, hits: Sequence[Hit]) -> list[str]:
        corpus = self._corpus
        return [corpus.get(hit.passage_id).full_text for hit in hits]
