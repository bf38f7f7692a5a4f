"""Gold passages as retriever: what the later stages could do with perfect retrieval.

A spec says ``retriever: {type: oracle}``; a comparison fills in the gold passages of its
dataset (`odqa.execution.ceilings`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.cache import content_key
from odqa.data.qrels import read_qrels, write_qrels
from odqa.errors import ComponentError
from odqa.interfaces import Retriever, StageConfig
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

_FILE = "gold.qrels"


class OracleConfig(StageConfig):
    """Parameters of `OracleRetriever`."""

    gold: str = Field(
        "", description="Digest of the gold passages; a comparison fills it in from the qrels."
    )

    @property
    def sees_answers(self) -> bool:
        """It gets the gold passages."""
        return True


def cache_gold(qrels: Mapping[str, Mapping[str, int]], cache: Cache) -> str:
    """Cache the relevant passages (relevance from 1 up) for `OracleRetriever`.

    Returns:
        Their digest, which names them in `OracleConfig`.
    """
    gold = {q: {p: grade for p, grade in qrels[q].items() if grade > 0} for q in qrels}
    gold = {question: grades for question, grades in gold.items() if grades}
    digest = content_key({"gold": gold})
    cache.artifact("oracle", {"gold": digest}, lambda work: write_qrels(work / _FILE, gold))
    return digest


class OracleRetriever(Retriever[OracleConfig]):
    """Gold passages (qrels) in place of retrieval; its figures are ceilings, not results."""

    Config = OracleConfig

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Read the gold passages.

        Raises:
            ComponentError: they were not cached.
        """
        folder = cache.artifact("oracle", {"gold": self.config.gold}, _refuse)
        gold = read_qrels(folder / _FILE)
        self._hits = {question: _hits(grades, corpus) for question, grades in gold.items()}

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        """The most relevant ``k``; a question without a gold passage gets no hits."""
        return [self._hits.get(question.id, [])[:k] for question in queries]

    def describe(self) -> Mapping[str, str]:
        """How many questions have gold passages."""
        return {"questions with gold passages": str(len(self._hits))}


def _hits(grades: Mapping[str, int], corpus: Corpus) -> list[Hit]:
    places = zip(grades, corpus.find(list(grades)), strict=True)
    # A judged passage that the corpus lacks cannot be retrieved, not even here.
    rows = {passage_id: row for passage_id, row in places if row is not None}
    best_first = sorted(rows, key=lambda passage_id: (-grades[passage_id], rows[passage_id]))
    return [Hit(passage_id, float(grades[passage_id])) for passage_id in best_first]


def _refuse(work: Path) -> None:
    work.rmdir()
    raise ComponentError(
        "the oracle does not know the gold passages",
        where="retriever oracle",
        cure="run it with odqa compare, on data with qrels",
    )
