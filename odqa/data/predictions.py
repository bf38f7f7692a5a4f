"""Answers of other systems, and odqa's for other evaluators: SQuAD's and NQ-open's formats.

SQuAD (Rajpurkar et al. 2016): one JSON object, question id -> answer. NQ-open (Lee et al. 2019,
the evaluator of EfficientQA): JSON lines ``{"question": …, "prediction": …}``, no ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from odqa.data.by_question import ByQuestion
from odqa.data.lines import json_objects, text_field, text_lines
from odqa.data.whole_file import whole_file
from odqa.errors import DataError
from odqa.types import Question

Predictions = ByQuestion[str]


def read_predictions(path: Path) -> Predictions:
    """Predictions of a ``.json`` (SQuAD) or ``.jsonl`` (NQ-open) file, plain or gzipped.

    An empty prediction is an abstention.

    Raises:
        DataError: another kind of file, a broken line, or a prediction that is no text.
    """
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "json":
        return _read_squad(path)
    if kind == "jsonl":
        return _read_nq_open(path)
    raise DataError(
        "not a name of a prediction file",
        where=str(path),
        cure="SQuAD's {id: answer} ends in .json, NQ-open's lines in .jsonl",
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


def _read_squad(path: Path) -> Predictions:
    try:
        data = json.loads("".join(text_lines(path)))
    except (ValueError, RecursionError) as error:
        raise DataError(f"broken JSON ({error})", where=str(path)) from None
    if not isinstance(data, dict):
        raise DataError(
            "expected one JSON object", where=str(path), cure='such as {"id": "answer"}'
        )
    predictions: Predictions = ByQuestion(path)
    for key, value in data.items():
        where = f"{path}, question '{key}'"
        predictions.add(_text(value, where), where, key, None)
    return predictions


def _read_nq_open(path: Path) -> Predictions:
    predictions: Predictions = ByQuestion(path)
    for where, row in json_objects(path):
        key = text_field(row, "id", where) if "id" in row else None
        text = text_field(row, "question", where)
        predictions.add(_text(row.get("prediction"), where), where, key, text)
    return predictions


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise DataError("the prediction is missing or no text", where=where)
    return value
