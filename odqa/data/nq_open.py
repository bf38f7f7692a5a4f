"""Question sets, one JSON object a line: NQ-open's, and those of `odqa.data.answer_layouts`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from odqa.data.answer_layouts import accepted_answers, id_key, question_text
from odqa.data.lines import file_stem, json_objects, text_field
from odqa.data.questions import QuestionSet, check_question
from odqa.data.supporting import supporting_titles
from odqa.errors import DataError
from odqa.types import Question

_LOG = logging.getLogger(__name__)

#: The place of a row (``path:line``), for error messages, and its fields.
PlacedRow = tuple[str, Mapping[str, object]]


def read_questions(path: Path) -> QuestionSet:
    """All questions of a ``.jsonl`` file (also gzipped); ids are ``STEM-N`` where there are none.

    Raises:
        DataError: a broken line, an empty question, one that does not say its answers, one id
            twice, no questions or no answers at all.
    """
    return collect(str(path), file_stem(path), json_objects(path))


def collect(where: str, stem: str, rows: Iterable[PlacedRow]) -> QuestionSet:
    """Questions from rows of any layout of `odqa.data.answer_layouts`.

    Those without accepted answers are kept and counted in a warning: metrics of answers leave
    them out.

    Args:
        where: what is read, for messages.
        stem: the name of the question set; ids are ``STEM-N`` where there are none.
        rows: each with its place.

    Raises:
        DataError: as `read_questions`.
    """
    questions: list[Question] = []
    places: dict[str, str] = {}
    for place, row in rows:
        question = _parse_question(row, f"{stem}-{len(questions)}", place)
        if question.id in places:
            raise DataError(
                f"the question id '{question.id}' is given twice",
                where=place,
                cure=f"the first is at {places[question.id]}",
            )
        places[question.id] = place
        questions.append(question)
    if not questions:
        raise DataError("there are no questions", where=where, cure="pass a file that has some")
    _count_unanswerable(questions, places, where)
    return QuestionSet(stem, tuple(questions))


def _parse_question(row: Mapping[str, object], default_id: str, where: str) -> Question:
    text, answers, key = question_text(row, where), accepted_answers(row, where), id_key(row)
    question_id = default_id if key is None else text_field(row, key, where)
    question = Question(question_id, text, answers, supporting_titles(row, where))
    check_question(question, where)
    return question


def _count_unanswerable(questions: list[Question], places: Mapping[str, str], where: str) -> None:
    without = [question for question in questions if not question.answers]
    if not without:
        return
    first = places[without[0].id]
    if len(without) == len(questions):
        others = ", nor has any other" if len(questions) > 1 else ""
        what = f"the question has no answers{others}"
        raise DataError(what, where=first, cure="add some, or use BEIR's layout for judgements")
    message = (
        "%s: %d of %d questions have no accepted answers, the first at %s; "
        "metrics of answers leave them out"
    )
    _LOG.warning(message, where, len(without), len(questions), first)
