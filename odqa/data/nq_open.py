"""NQ-open: one JSON object a line, ``{"question": …, "answer": […]}``, with or without ``id``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from odqa.data.lines import file_stem, json_objects, text_field
from odqa.data.questions import QuestionSet, check_question
from odqa.errors import DataError
from odqa.types import Question

#: The place of a row (``path:line``), for error messages, and its fields.
PlacedRow = tuple[str, Mapping[str, object]]


def read_questions(path: Path) -> QuestionSet:
    """All questions of a ``.jsonl`` file (also gzipped); ids are ``STEM-N`` where there are none.

    Raises:
        DataError: a broken line, an empty question, one without answers, one id twice, no
            questions at all.
    """
    return collect(path, json_objects(path))


def collect(path: Path, rows: Iterable[PlacedRow]) -> QuestionSet:
    """Questions from rows with ``question``, ``answer`` or ``answers``, and optionally ``id``.

    Args:
        rows: each with its place, for error lines.

    Raises:
        DataError: as `read_questions`.
    """
    stem = file_stem(path)
    questions: list[Question] = []
    places: dict[str, str] = {}
    for where, row in rows:
        question = parse_question(row, f"{stem}-{len(questions)}", where)
        if question.id in places:
            raise DataError(
                f"the question id '{question.id}' is given twice",
                where=where,
                cure=f"the first is at {places[question.id]}",
            )
        places[question.id] = where
        questions.append(question)
    if not questions:
        raise DataError("there are no questions", where=str(path), cure="pass a file that has some")
    return QuestionSet(stem, tuple(questions))


def parse_question(row: Mapping[str, object], default_id: str, where: str) -> Question:
    """One question with its accepted answers; blank answers are dropped.

    Raises:
        DataError: no question or no answers.
    """
    text = row.get("question")
    if not isinstance(text, str) or not text.strip():
        raise DataError("the question is missing or empty", where=where)
    answers = row.get("answer", row.get("answers"))
    answers = [answers] if isinstance(answers, str) else answers
    if not isinstance(answers, list) or not all(isinstance(a, str) for a in answers):
        raise DataError("'answer' is missing or no list of texts", where=where)
    accepted = tuple(answer for answer in answers if answer.strip())
    if not accepted:
        raise DataError("the question has no answers", where=where, cure="add one or drop the line")
    key = text_field(row, "id", where) if "id" in row else default_id
    question = Question(key, text, accepted)
    check_question(question, where)
    return question
