"""A question set: in memory, checked once, with a content fingerprint."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from odqa.cache import content_key
from odqa.data.ids import check_id, encodable
from odqa.errors import DataError
from odqa.html_view import html_table
from odqa.types import Question


@dataclass(frozen=True)
class QuestionSet:
    """Questions in a fixed order with unique ids.

    ``sets`` divides them, where several sets were put together: name and number of questions of
    each, in order; empty for a single set.

    Raises:
        DataError: no questions, an empty question, an id twice or unusable, broken Unicode.
    """

    name: str
    questions: tuple[Question, ...]
    sets: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        where = f"question set {self.name}"
        if not self.questions:
            raise DataError("there are no questions", where=where)
        ids: set[str] = set()
        for question in self.questions:
            check_question(question, where)
            if question.id in ids:
                raise DataError(f"the question id '{question.id}' occurs twice", where=where)
            ids.add(question.id)

    def __len__(self) -> int:
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    def __str__(self) -> str:
        return f"{self.name} ({len(self):,} questions)"

    def __repr__(self) -> str:
        return f"<QuestionSet {self}>"

    def _repr_html_(self) -> str:
        rows = [(each.id, each.text, " | ".join(each.answers)) for each in self.questions[:5]]
        return html_table(("id", "question", "accepted answers"), rows, str(self))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over ids, texts, accepted answers and supporting titles in order.

        The name does not count.
        """
        content = {"questions": [[q.id, q.text, *q.answers] for q in self.questions]}
        if any(question.supporting for question in self.questions):
            content["supporting"] = [[q.id, *q.supporting] for q in self.questions]
        return content_key(content)

    def take(self, n: int, seed: int | None = None) -> QuestionSet:
        """The first ``n`` questions, or with a seed ``n`` random ones in their old order.

        The name of the result tells which. With ``n`` or fewer questions, all are returned. Of
        several sets, ``n`` of each.
        """
        if self.sets:
            return put_together({name: part.take(n, seed) for name, part in self.parts().items()})
        if n >= len(self):
            return self
        if seed is None:
            return QuestionSet(f"{self.name} (first {n})", self.questions[:n])
        rows = sorted(random.Random(seed).sample(range(len(self)), n))
        picked = tuple(self.questions[row] for row in rows)
        return QuestionSet(f"{self.name} (random {n}, seed {seed})", picked)

    def parts(self) -> dict[str, QuestionSet]:
        """The sets of which it was put together, by name."""
        ends = list(accumulate(n for _, n in self.sets))
        return {
            name: QuestionSet(name, self.questions[end - n : end])
            for (name, n), end in zip(self.sets, ends, strict=True)
        }


def put_together(parts: Mapping[str, QuestionSet]) -> QuestionSet:
    """Several sets as one; where two have an id in common, the set's name goes before every id.

    Raises:
        DataError: as `QuestionSet`.
    """
    questions = [question for part in parts.values() for question in part]
    if len({question.id for question in questions}) < len(questions):
        questions = [
            replace(question, id=f"{name}:{question.id}")
            for name, part in parts.items()
            for question in part
        ]
    sizes = tuple((name, len(part)) for name, part in parts.items())
    # A set that was cut says so in its name: "nq (first 20)".
    names = [part.name if part.name.startswith(name) else name for name, part in parts.items()]
    return QuestionSet(" + ".join(names), tuple(questions), sizes)


def check_question(question: Question, where: str) -> None:
    """Refuse a question that no pipeline could answer.

    Raises:
        DataError: a bad id, an empty text, an empty answer, half a surrogate pair.
    """
    check_id(question.id, "question", where)
    if not question.text.strip():
        raise DataError(f"question '{question.id}' has an empty text", where=where)
    if not all(answer.strip() for answer in question.answers):
        raise DataError(f"question '{question.id}' has an empty answer", where=where)
    if not all(map(encodable, (question.id, question.text, *question.answers))):
        raise DataError("half of a surrogate pair, which is not a character", where=where)
