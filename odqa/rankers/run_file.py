"""A run file as ranker: another system's ranking of a retriever's hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.data.foreign_run import RunFileConfig, read_foreign_run
from odqa.errors import DataError
from odqa.interfaces import Ranker, RankerConfig
from odqa.ranking import reranked
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class RunFileRankerConfig(RunFileConfig, RankerConfig):
    """Parameters of `RunFileRanker`."""

    def identity(self) -> Mapping[str, object]:
        """The identity of the file, and the weight of the incoming score if there is one."""
        weight = {"alpha": self.alpha} if self.alpha else {}
        return {**super().identity(), **weight}


class RunFileRanker(Ranker[RunFileRankerConfig]):
    """Scores of a run file (TREC, or DPR's retrieval JSON) for the hits of the retriever.

    The file should rank what this retriever finds, at least as deep as ``k``:

    * Passages of the file that were not retrieved are ignored.
    * Retrieved passages that the file does not hold (it was cut earlier) come after all that it
      holds, in their incoming order, with one score below the lowest of the file.
    * A question that the file does not rank is an error: its retrieved order would be taken for
      the ranker's. So is one of whose ranked passages none was retrieved.
    """

    Config = RunFileRankerConfig

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Read the file and check that its passages exist.

        Raises:
            DataError: the file cannot be read, or names passages that the corpus does not have.
        """
        self._run = read_foreign_run(Path(self.config.path), corpus)

    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        """The best ``k`` hits by the scores of the file.

        Raises:
            DataError: a question with hits that the file does not rank.
        """
        ranked = self._run.of(questions)
        return [
            self._ranked(question, question_hits, scored or [], k)
            for question, question_hits, scored in zip(questions, hits, ranked, strict=True)
        ]

    def _ranked(
        self, question: Query, hits: Sequence[Hit], scored: Sequence[Hit], k: int
    ) -> list[Hit]:
        if not hits:
            return []
        scores = {hit.passage_id: hit.score for hit in scored}
        if not any(hit.passage_id in scores for hit in hits):
            raise DataError(
                f"ranks none of the {len(hits)} passages retrieved for question '{question.id}'",
                where=self.config.path,
                cure="pass a run that reranks what this pipeline's retriever finds",
            )
        unranked_score = min(scores.values()) - 1
        return reranked(hits, [scores.get(hit.passage_id, unranked_score) for hit in hits], k)

    def describe(self) -> Mapping[str, str]:
        """How many questions the file ranks."""
        return {"run": self.config.path, "questions": str(len(self._run))}
