"""A corpus with questions and, if any, relevance judgements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from odqa.cache import content_key
from odqa.data.corpus import Corpus
from odqa.data.origin import Origin
from odqa.data.qrels import Qrels
from odqa.data.questions import QuestionSet
from odqa.types import Matching


@dataclass(frozen=True)
class Dataset:
    """The data that pipelines are compared on.

    ``matching`` says how accepted answers are matched; ``origin``, if any, where to read the
    dataset again; ``named``, where what has a name in `odqa.data.named` came from (name, source,
    revision, SHA-256). With ``ignore_identical_ids`` a ranking is scored without the hit that has
    the id of its question, as BEIR does: in ArguAna and Quora every question is a passage too.
    """

    name: str
    corpus: Corpus
    questions: QuestionSet
    qrels: Qrels | None = None
    matching: Matching = "tokens"
    origin: Origin | None = field(default=None, compare=False)
    ignore_identical_ids: bool = False
    named: tuple[Mapping[str, str | None], ...] = field(default=(), compare=False)

    @cached_property
    def digest(self) -> str:
        """32 hex digits over the content of corpus, questions and qrels; names do not count.

        Two datasets with one digest give the same scores, so that ``matching`` and
        ``ignore_identical_ids`` count too. MLflow allows at most 36 characters.
        """
        content: dict[str, object] = {
            "corpus": self.corpus.fingerprint,
            "questions": self.questions.fingerprint,
            "qrels": self.qrels,
        }
        if self.matching != "tokens":
            content["matching"] = self.matching
        if self.ignore_identical_ids:
            content["ignore_identical_ids"] = True
        return content_key(content)[:32]

    def __str__(self) -> str:
        judged = "no qrels" if self.qrels is None else f"qrels of {len(self.qrels):,}"
        return f"{self.name}: {len(self.questions):,} questions ({judged}) over {self.corpus}"

    def __repr__(self) -> str:
        return f"<Dataset {self}>"

    def _repr_html_(self) -> str:
        return f"{self.questions._repr_html_()}{self.corpus._repr_html_()}"

    def take(self, n: int, seed: int | None = None) -> Dataset:
        """The same over fewer questions; see `QuestionSet.take`."""
        questions = self.questions.take(n, seed)
        origin = self.origin.cut(n, seed) if self.origin is not None else None
        if self.qrels is None:
            return replace(self, questions=questions, origin=origin)
        ids = {question.id for question in questions}
        qrels = {q: grades for q, grades in self.qrels.items() if q in ids}
        return replace(self, questions=questions, qrels=qrels, origin=origin)
