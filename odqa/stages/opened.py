"""A part of a pipeline at work on a corpus: search, rank, read, one question or many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar, overload

from odqa.errors import ComponentError
from odqa.execution.pipeline import Pipeline
from odqa.html_view import html_lines
from odqa.stages.passages import ScoredPassage, ScoredPassages
from odqa.types import Answer, Hit, Passage, Query, Question

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus
    from odqa.spec.pipeline import PipelineSpec

#: A question as a text, or with an id of its own.
Asked = str | Query
#: Passages by id, as they stand, or as a search gave them.
Given = ScoredPassages | Sequence[str | Hit | Passage]
T = TypeVar("T")


class Opened:
    """A prepared part; `close` frees its weights and indexes. A context manager."""

    # A text is a sequence of texts, too: the overloads below say that it is one question.

    def __init__(self, pipeline: Pipeline, corpus: Corpus) -> None:
        self.corpus = corpus
        self._pipeline = pipeline

    @classmethod
    def prepared(
        cls,
        spec: PipelineSpec,
        corpus: Corpus | str | Path | Iterable[Passage | str],
        cache: Cache | None,
    ) -> Self:
        """Open a corpus and prepare every stage on it.

        Raises:
            OdqaError: whatever is wrong with corpus, checkpoints or environment.
        """
        from odqa.cache import Cache as DefaultCache

        store = cache or DefaultCache()
        opened = _opened_corpus(corpus, store)
        pipeline = Pipeline(spec)
        pipeline.prepare(opened, store)
        return cls(pipeline, opened)

    @overload
    def search(self, questions: Asked, k: int | None = None) -> ScoredPassages: ...  # type: ignore[overload-overlap]
    @overload
    def search(self, questions: Sequence[Asked], k: int | None = None) -> list[ScoredPassages]: ...
    def search(
        self, questions: Asked | Sequence[Asked], k: int | None = None
    ) -> ScoredPassages | list[ScoredPassages]:
        """The best passages of the corpus, for one question or for each of several.

        Args:
            k: only so many of those that the stage returns.

        Raises:
            ComponentError: there is no retriever.
        """
        self._need("retriever")
        asked = _asked(questions)
        output = self._pipeline.run(asked)
        before = output.retrieved if "ranker" in self._pipeline.spec.slots else None
        return _like(questions, self._scored(asked, output.ranked, k, before))

    @overload
    def rank(  # type: ignore[overload-overlap]
        self, questions: Asked, passages: Given | None = None, k: int | None = None
    ) -> ScoredPassages: ...
    @overload
    def rank(
        self, questions: Sequence[Asked], passages: Sequence[Given], k: int | None = None
    ) -> list[ScoredPassages]: ...
    def rank(
        self,
        questions: Asked | Sequence[Asked],
        passages: Given | Sequence[Given] | None = None,
        k: int | None = None,
    ) -> ScoredPassages | list[ScoredPassages]:
        """The given passages of the corpus in the ranker's order.

        Args:
            passages: for each question its own; for one question alone, all of the corpus where
                none are given.

        Raises:
            ComponentError: there is no ranker, or passages are given to a retriever before it.
            DataError: a passage that the corpus does not have.
        """
        self._need("ranker")
        asked, given = _asked(questions), self._hits(questions, passages)
        ranked = self._pipeline.run(asked, given).ranked
        before = None if passages is None else given
        return _like(questions, self._scored(asked, ranked, k, before))

    @overload
    def read(self, questions: Asked, passages: Given | None = None) -> Answer: ...  # type: ignore[overload-overlap]
    @overload
    def read(self, questions: Sequence[Asked], passages: Sequence[Given]) -> list[Answer]: ...
    def read(
        self,
        questions: Asked | Sequence[Asked],
        passages: Given | Sequence[Given] | None = None,
    ) -> Answer | list[Answer]:
        """Answers from the given passages; as `rank` takes them.

        Raises:
            ComponentError, DataError: as `rank`.
        """
        self._need("reader")
        output = self._pipeline.run(_asked(questions), self._hits(questions, passages))
        return _like(questions, list(output.answers or ()))

    @overload
    def answer(self, questions: Asked) -> Answer: ...  # type: ignore[overload-overlap]
    @overload
    def answer(self, questions: Sequence[Asked]) -> list[Answer]: ...
    def answer(self, questions: Asked | Sequence[Asked]) -> Answer | list[Answer]:
        """Answers of a whole pipeline.

        Raises:
            ComponentError: there is no reader.
        """
        self._need("reader")
        return _like(questions, list(self._pipeline.run(_asked(questions)).answers or ()))

    def close(self) -> None:
        """Free weights and indexes."""
        self._pipeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __str__(self) -> str:
        return f"{self._pipeline.spec.tree()}\nover {self.corpus}"

    def _repr_html_(self) -> str:
        return html_lines(str(self))

    def _need(self, slot: str) -> None:
        if slot not in self._pipeline.spec.slots:
            raise ComponentError(
                f"there is no {slot} here", where=self._pipeline.spec.name, cure=f"add a {slot}"
            )

    def _hits(
        self, questions: Asked | Sequence[Asked], passages: Given | Sequence[Given] | None
    ) -> list[list[Hit]]:
        if passages is not None and "retriever" in self._pipeline.spec.slots:
            raise ComponentError(
                "a retriever searches the corpus whatever passages are given",
                where=self._pipeline.spec.name,
                cure="open what comes after it by itself",
            )
        if isinstance(questions, str | Query):
            every = self.corpus.ids(range(len(self.corpus))) if passages is None else passages
            return [_as_hits(every)]  # type: ignore[arg-type]
        each = list(passages or ())
        if len(each) != len(questions):
            raise ComponentError(
                f"passages for {len(each)} of {len(questions)} questions",
                where=self._pipeline.spec.name,
                cure="give a list of passages for every question",
            )
        return [_as_hits(given) for given in each]  # type: ignore[arg-type]

    def _scored(
        self,
        asked: Sequence[Question],
        ranked: Sequence[Sequence[Hit]],
        k: int | None,
        before: Sequence[Sequence[Hit]] | None,
    ) -> list[ScoredPassages]:
        """With passages; ``before`` is what the ranker was given, where its order is known."""
        places = [
            {hit.passage_id: place for place, hit in enumerate(hits, start=1)}
            for hits in (before or [[] for _ in asked])
        ]
        return [
            ScoredPassages(
                question.text,
                tuple(
                    ScoredPassage(
                        rank, hit.score, self.corpus.get(hit.passage_id), was.get(hit.passage_id)
                    )
                    for rank, hit in enumerate(hits[:k], start=1)
                ),
            )
            for question, hits, was in zip(asked, ranked, places, strict=True)
        ]


def _asked(questions: Asked | Sequence[Asked]) -> list[Question]:
    several = [questions] if isinstance(questions, str | Query) else list(questions)
    return [_as_question(each, n) for n, each in enumerate(several, start=1)]


def _as_question(asked: Asked, number: int) -> Question:
    if isinstance(asked, Question):
        return asked
    if isinstance(asked, Query):
        return Question(asked.id, asked.text)
    return Question(str(number), asked)


def _as_hits(given: Given) -> list[Hit]:
    if isinstance(given, ScoredPassages):
        return given.hits
    hits = []
    for each in given:
        if isinstance(each, Hit):
            hits.append(each)
        else:
            hits.append(Hit(each.id if isinstance(each, Passage) else each, 0.0))
    return hits


def _like(questions: Asked | Sequence[Asked], results: list[T]) -> T | list[T]:
    """One result for one question, a list for a list."""
    return results[0] if isinstance(questions, str | Query) else results


def _opened_corpus(corpus: Corpus | str | Path | Iterable[Passage | str], cache: Cache) -> Corpus:
    from odqa.data.corpus import Corpus as PassageCorpus
    from odqa.spec.datasets import open_dataset

    if isinstance(corpus, PassageCorpus):
        return corpus
    if isinstance(corpus, str | Path):
        return open_dataset(corpus, cache).corpus
    passages = [
        each if isinstance(each, Passage) else Passage(str(n), each)
        for n, each in enumerate(corpus, start=1)
    ]
    return PassageCorpus.from_passages(passages)
