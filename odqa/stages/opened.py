"""A part of a pipeline prepared on a corpus: search, rank, read, one question or many."""

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

#: A question as text, or with an id.
AnyQuestion = str | Query
#: Passages by id, as objects, or as results of a search.
AnyPassages = ScoredPassages | Sequence[str | Hit | Passage]
T = TypeVar("T")


class Opened:
    """A prepared part; `close` frees its weights and indexes. A context manager."""

    # A text is also a sequence of texts; the overloads below make it one question.

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
            OdqaError: the corpus, a checkpoint or the environment cannot be used.
        """
        from odqa.cache import Cache as DefaultCache

        store = cache or DefaultCache()
        opened = _opened_corpus(corpus, store)
        pipeline = Pipeline(spec)
        pipeline.prepare(opened, store)
        return cls(pipeline, opened)

    @overload
    def search(self, questions: AnyQuestion, k: int | None = None) -> ScoredPassages: ...  # type: ignore[overload-overlap]
    @overload
    def search(
        self, questions: Sequence[AnyQuestion], k: int | None = None
    ) -> list[ScoredPassages]: ...
    def search(
        self, questions: AnyQuestion | Sequence[AnyQuestion], k: int | None = None
    ) -> ScoredPassages | list[ScoredPassages]:
        """The best passages of the corpus, for one question or for each of several.

        Args:
            k: return at most this many of the stage's passages.

        Raises:
            ComponentError: there is no retriever.
        """
        self._need("retriever")
        batch = _as_questions(questions)
        output = self._pipeline.run(batch)
        before = output.retrieved if "ranker" in self._pipeline.spec.slots else None
        return _like(questions, self._scored(batch, output.ranked, k, before))

    @overload
    def rank(  # type: ignore[overload-overlap]
        self, questions: AnyQuestion, passages: AnyPassages | None = None, k: int | None = None
    ) -> ScoredPassages: ...
    @overload
    def rank(
        self,
        questions: Sequence[AnyQuestion],
        passages: Sequence[AnyPassages],
        k: int | None = None,
    ) -> list[ScoredPassages]: ...
    def rank(
        self,
        questions: AnyQuestion | Sequence[AnyQuestion],
        passages: AnyPassages | Sequence[AnyPassages] | None = None,
        k: int | None = None,
    ) -> ScoredPassages | list[ScoredPassages]:
        """Passages of the corpus in the ranker's order.

        Args:
            passages: a list for each question; for a single question, by default the whole
                corpus.

        Raises:
            ComponentError: there is no ranker, or passages are given to a retriever before it.
            DataError: a passage that the corpus does not have.
        """
        self._need("ranker")
        batch, candidates = _as_questions(questions), self._hits(questions, passages)
        ranked = self._pipeline.run(batch, candidates).ranked
        before = None if passages is None else candidates
        return _like(questions, self._scored(batch, ranked, k, before))

    @overload
    def read(self, questions: AnyQuestion, passages: AnyPassages | None = None) -> Answer: ...  # type: ignore[overload-overlap]
    @overload
    def read(
        self, questions: Sequence[AnyQuestion], passages: Sequence[AnyPassages]
    ) -> list[Answer]: ...
    def read(
        self,
        questions: AnyQuestion | Sequence[AnyQuestion],
        passages: AnyPassages | Sequence[AnyPassages] | None = None,
    ) -> Answer | list[Answer]:
        """Answers from passages; arguments as in `rank`.

        Raises:
            ComponentError, DataError: as `rank`.
        """
        self._need("reader")
        output = self._pipeline.run(_as_questions(questions), self._hits(questions, passages))
        return _like(questions, list(output.answers or ()))

    @overload
    def answer(self, questions: AnyQuestion) -> Answer: ...  # type: ignore[overload-overlap]
    @overload
    def answer(self, questions: Sequence[AnyQuestion]) -> list[Answer]: ...
    def answer(self, questions: AnyQuestion | Sequence[AnyQuestion]) -> Answer | list[Answer]:
        """Answers of a whole pipeline.

        Raises:
            ComponentError: there is no reader.
        """
        self._need("reader")
        return _like(questions, list(self._pipeline.run(_as_questions(questions)).answers or ()))

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
        self,
        questions: AnyQuestion | Sequence[AnyQuestion],
        passages: AnyPassages | Sequence[AnyPassages] | None,
    ) -> list[list[Hit]]:
        if passages is not None and "retriever" in self._pipeline.spec.slots:
            raise ComponentError(
                "a retriever searches the corpus whatever passages are given",
                where=self._pipeline.spec.name,
                cure="open what comes after it by itself",
            )
        if isinstance(questions, str | Query):
            candidates = self.corpus.ids(range(len(self.corpus))) if passages is None else passages
            return [_as_hits(candidates)]  # type: ignore[arg-type]
        lists = list(passages or ())
        if len(lists) != len(questions):
            raise ComponentError(
                f"passages for {len(lists)} of {len(questions)} questions",
                where=self._pipeline.spec.name,
                cure="give a list of passages for every question",
            )
        return [_as_hits(question_passages) for question_passages in lists]  # type: ignore[arg-type]

    def _scored(
        self,
        questions: Sequence[Question],
        ranked: Sequence[Sequence[Hit]],
        k: int | None,
        before: Sequence[Sequence[Hit]] | None,
    ) -> list[ScoredPassages]:
        """With passages; ``before`` is what the ranker was given, where its order is known."""
        places = [
            {hit.passage_id: place for place, hit in enumerate(hits, start=1)}
            for hits in (before or [[] for _ in questions])
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
            for question, hits, was in zip(questions, ranked, places, strict=True)
        ]


def _as_questions(questions: AnyQuestion | Sequence[AnyQuestion]) -> list[Question]:
    items = [questions] if isinstance(questions, str | Query) else list(questions)
    return [_as_question(item, n) for n, item in enumerate(items, start=1)]


def _as_question(item: AnyQuestion, number: int) -> Question:
    if isinstance(item, Question):
        return item
    if isinstance(item, Query):
        return Question(item.id, item.text)
    return Question(str(number), item)


def _as_hits(passages: AnyPassages) -> list[Hit]:
    if isinstance(passages, ScoredPassages):
        return passages.hits
    hits = []
    for item in passages:
        if isinstance(item, Hit):
            hits.append(item)
        else:
            hits.append(Hit(item.id if isinstance(item, Passage) else item, 0.0))
    return hits


def _like(questions: AnyQuestion | Sequence[AnyQuestion], results: list[T]) -> T | list[T]:
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
        item if isinstance(item, Passage) else Passage(str(n), item)
        for n, item in enumerate(corpus, start=1)
    ]
    return PassageCorpus.from_passages(passages)
