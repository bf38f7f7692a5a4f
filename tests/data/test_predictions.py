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
    ("name", "text"),
    [
        ("a.jsonl", '{"id": "q2", "prediction": "x"}'),
        ("a.jsonl", '{"qid": "q2", "answer": ["x", "y"]}'),
        ("a.jsonl", '{"question": "And then?", "pred": "x"}'),
        ("a.json", '[{"question_id": "q2", "answer": "x"}]'),
        ("a.json", '{"q2": ["x", "y"]}'),
        # The answers that were accepted are no prediction, where there is one.
        ("a.jsonl", '{"id": "q2", "answer": ["gold"], "prediction": "x"}'),
    ],
)
def test_other_forms(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_predictions(tmp_path / name).of(QUESTIONS) == [None, "x", None]


def test_an_empty_list_is_an_abstention(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"q1": []}')
    assert read_predictions(tmp_path / "a.json").of(QUESTIONS) == ["", None, None]


def test_what_is_missing_and_what_is_of_other_questions(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = ['{"id": "q1", "pred": "x"}', '{"question": "why", "pred": "y"}']
    rows += ['{"id": "q9", "pred": "z"}', '{"question": "what else", "pred": "z"}']
    path.write_text("\n".join(rows))
    assert read_predictions(path).uncovered(QUESTIONS) == (["q2"], ["q9", "what else"])


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.txt", "", "a.txt: not a name of a prediction file; SQuAD's"),
        ("a.json", "3", "a.json: expected a JSON object or list"),
        ("a.json", "[3]", "a.json, entry 1: expected a JSON object"),
        ("a.json", "{", "a.json: broken JSON"),
        ("a.json", '{"q1": [3]}', "a.json, question 'q1': the prediction is no text"),
        (
            "a.jsonl",
            '{"question": "x", "text": "y"}',
            "there is none of prediction, answer, pred; ",
        ),
        ("a.jsonl", '{"question": "x", "text": "y"}', "it has question, text"),
        ("a.jsonl", '{"question": "x", "pred": null}', "a.jsonl:1: the prediction is no text"),
        ("a.jsonl", '{"prediction": "x"}', "a.jsonl:1: 'question' is missing"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, text: str, line: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as caught:
        read_predictions(tmp_path / name)
    assert line in str(caught.value)
