from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.data.predictions import read_predictions, write_nq_open, write_squad
from odqa.errors import DataError
from odqa.types import Question

QUESTIONS = (Question("q1", "who “was” it"), Question("q2", "and then"), Question("q3", "why"))
ANSWERS = {"q1": "Zoë\u2028", "q2": ""}


def test_squad_is_one_object(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_squad(path, ANSWERS)
    assert json.loads(path.read_text(encoding="utf-8")) == ANSWERS
    assert read_predictions(path).of(QUESTIONS) == ["Zoë\u2028", "", None]


def test_nq_open_is_one_line_a_question(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_nq_open(path, QUESTIONS, ANSWERS)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").strip().split("\n")]
    assert lines[0] == {"question": "who “was” it", "prediction": "Zoë\u2028"}
    assert [line["prediction"] for line in lines] == ["Zoë\u2028", "", ""]
    assert read_predictions(path).of(QUESTIONS) == ["Zoë\u2028", "", ""]


def test_lines_may_have_ids(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "q2", "question": "and then", "prediction": "x"}\n')
    assert read_predictions(path).of(QUESTIONS) == [None, "x", None]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.txt", "", "a.txt: not a name of a prediction file; SQuAD's"),
        ("a.json", "[]", "a.json: expected one JSON object"),
        ("a.json", "{", "a.json: broken JSON"),
        ("a.json", '{"q1": ["x"]}', "a.json, question 'q1': the prediction is missing or no text"),
        ("a.jsonl", '{"question": "x"}', "a.jsonl:1: the prediction is missing or no text"),
        ("a.jsonl", '{"prediction": "x"}', "a.jsonl:1: 'question' is missing"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, text: str, line: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as caught:
        read_predictions(tmp_path / name)
    assert line in str(caught.value)
