"""Questions over a corpus, with relevance judgements where there are any."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

from odqa.data.corpus import Corpus
from odqa.data.qrels import Qrels
from odqa.data.questions import QuestionSet


@dataclass(frozen=True)
class Dataset:
    """What pipelines are compared on."""

    name: str
    corpus: Corpus
    questions: QuestionSet
    qrels: Qrels | None = None

    @cached_property
    def digest(self) -> str:
        """32 hex digits over corpus, questions and qrels."""
        judged = repr(sorted((q, sorted(p.items())) for q, p in (self.qrels or {}).items()))
        parts = (self.corpus.fingerprint, self.questions.fingerprint, judged)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def take(self, n: int, seed: int | None = None) -> Dataset:
        """The same over fewer questions; see `QuestionSet.take`."""
        questions = self.questions.take(n, seed)
        kept = {q.id for q in questions}
        qrels = None
        if self.qrels is not None:
            qrels = {q: p for q, p in self.qrels.items() if q in kept}
        return replace(self, questions=questions, qrels=qrels)
