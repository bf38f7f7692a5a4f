"""NQ-open questions: one JSON object a line, ``{"question": …, "answer": […]}``.

``id`` is optional (``STEM-N`` where it is absent). DPR's ``*.qa.csv`` (question, tab, a Python
list of answers) is read too.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from odqa.data.lines import text_lines
from odqa.data.questions import QuestionSet
from odqa.errors import DataError
from odqa.types import Question


def read_questions(path: Path) -> QuestionSet:
    """All questions of a ``.jsonl`` or DPR ``.csv``/``.tsv`` file (also gzipped).

    Raises:
        DataError: a broken line, an empty question, one without answers, one id twice, no
            questions at all.
    """
    stem = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    parse = _parse_json if ".jsonl" in path.suffixes else _parse_dpr
    questions: list[Question] = []
    seen: dict[str, int] = {}
    for number, data in _rows(path, parse):
        where = f"{path}:{number}"
        question = _question(data, f"{stem}-{len(questions)}", where)
        if question.id in seen:
            raise DataError(
                f"id '{question.id}' was given in line {seen[question.id]}", where=where
            )
        seen[question.id] = number
        questions.append(question)
    if not questions:
        raise DataError("no questions", where=str(path), cure="pass a file that holds some")
    return QuestionSet(stem, tuple(questions))


def _rows(
    path: Path, parse: Callable[[str, str], dict[str, Any]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text_lines(path), start=1):
        if line.strip():
            yield number, parse(line, f"{path}:{number}")


def _parse_json(line: str, where: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"broken JSON ({error.msg})", where=where) from None
    if not isinstance(data, dict):
        raise DataError(
            "expected a JSON object", where=where, cure='{"question": …, "answer": […]}'
        )
    return data


def _parse_dpr(line: str, where: str) -> dict[str, Any]:
    question, tab, answers = line.rstrip("\r\n").partition("\t")
    try:
        found = ast.literal_eval(answers)
    except (ValueError, SyntaxError):
        found = None
    if not tab or not isinstance(found, list):
        raise DataError("expected a question, a tab and a list of answers", where=where)
    return {"question": question, "answer": found}


def _question(data: dict[str, Any], default_id: str, where: str) -> Question:
    text = data.get("question")
    if not isinstance(text, str) or not text.strip():
        raise DataError("the question is missing or empty", where=where)
    answers = data.get("answer", data.get("answers"))
    answers = [answers] if isinstance(answers, str) else answers
    if not isinstance(answers, list) or not all(isinstance(a, str) for a in answers):
        raise DataError("'answer' is not a list of texts", where=where)
    if not any(a.strip() for a in answers):
        raise DataError("the question has no answers", where=where, cure="add one or drop the line")
    return Question(str(data.get("id", default_id)), text, tuple(a for a in answers if a.strip()))
