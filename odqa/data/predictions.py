"""Answers of other systems, and odqa's for other evaluators: SQuAD's and NQ-open's formats.

SQuAD (Rajpurkar et al. 2016): one JSON object, question id -> answer. NQ-open (Lee et al. 2019,
the evaluator of EfficientQA): JSON lines ``{"question": …, "prediction": …}``, no ids. Read are
also lines, or one JSON list, that name questions by ``id`` (or ``question_id``, ``qid``), by
``question`` or by both, with the answer under ``prediction``, ``answer`` or ``pred``, and lists of
answers, of which the first counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from odqa.data.by_question import ByQuestion
from odqa.data.lines import json_objects, text_field, text_lines
from odqa.data.whole_file import whole_file
from odqa.errors import DataError
from odqa.types import Question

Predictions = ByQuestion[str]

#: Keys under which files name a question and its answer, in this order.
_ID_KEYS = ("id", "question_id", "qid")
_PREDICTION_KEYS = ("prediction", "answer", "pred")


def read_predictions(path: Path) -> Predictions:
    """Predictions of a ``.json`` or ``.jsonl`` file, plain or gzipped.

    An empty prediction, and an empty list of them, is an abstention.

    Raises:
        DataError: another kind of file, a broken line, a question without a name, or a prediction
            that is no text.
    """
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "json":
        return _read_json(path)
    if kind == "jsonl":
        return _read_rows(path, json_objects(path))
    raise DataError(
        "not a name of a prediction file",
        where=str(path),
        cure="SQuAD's {id: answer} and lists end in .json, JSON lines in .jsonl",
    )


def write_squad(path: Path, answers: Mapping[str, str]) -> None:
    """Write one JSON object, question id -> answer."""
    with whole_file(path) as file:
        json.dump(dict(answers), file, ensure_ascii=False, indent=1)
        file.write("\n")


def write_nq_open(path: Path, questions: Iterable[Question], answers: Mapping[str, str]) -> None:
    """Write one line a question; a question without answer gets an empty prediction."""
    with whole_file(path) as file:
        for question in questions:
            row = {"question": question.text, "prediction": answers.get(question.id, "")}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _read_json(path: Path) -> Predictions:
    try:
        data = json.loads("".join(text_lines(path)))
    except (ValueError, RecursionError) as error:
        raise DataError(f"broken JSON ({error})", where=str(path)) from None
    if isinstance(data, list):
        return _read_rows(path, _objects(path, data))
    if not isinstance(data, dict):
        raise DataError(
            "expected a JSON object or list", where=str(path), cure='such as {"id": "answer"}'
        )
    predictions: Predictions = ByQuestion(path)
    for key, value in data.items():
        where = f"{path}, question '{key}'"
        predictions.add(_text(value, where), where, key, None)
    return predictions


def _objects(path: Path, rows: list[object]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, row in enumerate(rows, start=1):
        where = f"{path}, entry {number}"
        if not isinstance(row, dict):
            raise DataError("expected a JSON object", where=where)
        yield where, row


def _read_rows(path: Path, rows: Iterable[tuple[str, dict[str, Any]]]) -> Predictions:
    predictions: Predictions = ByQuestion(path)
    for where, row in rows:
        id_key = next((key for key in _ID_KEYS if key in row), None)
        question_id = None if id_key is None else text_field(row, id_key, where)
        # One of the two names the question.
        is_named = question_id is not None and "question" not in row
        text = None if is_named else text_field(row, "question", where)
        keys = [key for key in _PREDICTION_KEYS if key in row]
        if not keys:
            raise DataError(
                f"there is none of {', '.join(_PREDICTION_KEYS)}",
                where=where,
                cure=f"rename the key of the answer; it has {', '.join(row)}",
            )
        predictions.add(_text(row[keys[0]], where), where, question_id, text)
    return predictions


def _text(value: object, where: str) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    if not isinstance(value, str):
        raise DataError("the prediction is no text", where=where)
    return value
