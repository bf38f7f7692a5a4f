"""Values of another system's file, by question id or, where ids differ, by question text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

from odqa.errors import DataError
from odqa.types import Query

T = TypeVar("T")


class ByQuestion(Generic[T]):
    """One value per question of a file.

    Files name questions by id, by text (DPR's results, NQ-open predictions), or by both. Texts
    are compared without case, surplus white space, question marks at the end and typographic
    apostrophes: DPR and others change those.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._by_id: dict[str, tuple[T, str]] = {}
        #: `None` marks a text that two questions share, with different values.
        self._by_text: dict[str, T | None] = {}
        #: How the file names the question of each value: id, and key of its text.
        self._names: list[tuple[str | None, str]] = []
        self._has_matched = False

    def __len__(self) -> int:
        return len(self._names)

    def add(self, value: T, where: str, question_id: str | None, text: str | None) -> None:
        """Add one value.

        Raises:
            DataError: an id twice; or, in a file without ids, a text twice with other values.
        """
        key = "" if text is None else _key(text)
        if question_id is not None:
            if question_id in self._by_id:
                raise DataError(f"the question '{question_id}' is given twice", where=where)
            self._by_id[question_id] = (value, key)
        self._names.append((question_id, key))
        if not key:
            return
        if self._by_text.setdefault(key, value) != value:
            if question_id is None:
                what = f"the question '{text}' is given twice, with other values"
                raise DataError(what, where=where, cure="drop one of them or add ids")
            self._by_text[key] = None

    def of(self, questions: Sequence[Query]) -> list[T | None]:
        """The value of each question, in order; `None` for one that the file does not have.

        Raises:
            DataError: an id that belongs to another question in the file; or the file has none of
                several questions, nor of those before: it is of another question set.
        """
        values = [self._value(question) for question in questions]
        self._has_matched = self._has_matched or any(value is not None for value in values)
        # One question may be missing; a whole batch means another question set.
        if len(questions) > 1 and not self._has_matched:
            raise DataError(
                f"nothing for '{questions[0].id}' or any other question of its batch",
                where=str(self.path),
                cure="check that the file was made for this question set",
            )
        return values

    def uncovered(self, questions: Sequence[Query]) -> tuple[list[str], list[str]]:
        """What does not belong together, once all questions are known.

        Returns:
            Ids of the questions that the file does not have, and its names (ids, else texts) of
            questions that are not among these.
        """
        missing = [question.id for question in questions if self._value(question) is None]
        ids = {question.id for question in questions}
        keys = {_key(question.text) for question in questions}
        unknown = [
            question_id or key
            for question_id, key in self._names
            if question_id not in ids and key not in keys
        ]
        return missing, unknown

    def _value(self, question: Query) -> T | None:
        key = _key(question.text)
        if question.id not in self._by_id:
            return self._by_text.get(key)
        value, text = self._by_id[question.id]
        if text and text != key:
            raise DataError(
                f"question '{question.id}' is '{text}' there, but '{question.text}' here",
                where=str(self.path),
                cure="its ids are of another question set: drop them, to go by the texts",
            )
        return value


def _key(text: str) -> str:
    return " ".join(text.replace("’", "'").split()).rstrip("? ").casefold()
