"""Lines of files that other projects publish, abridged, and what they mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.data.dpr_questions import read_dpr_json, read_qa_csv
from odqa.data.nq_open import read_questions
from odqa.errors import DataError
from odqa.types import Question

#: A further line, so that a question without answers is not the only one.
OTHER = {"id": "other", "question": "what", "answer": "z"}


def read(folder: Path, row: object) -> Question:
    path = folder / "q.jsonl"
    path.write_text(f"{json.dumps(row)}\n{json.dumps(OTHER)}\n", encoding="utf-8")
    return read_questions(path).questions[0]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # FlashRAG
        (
            {"id": "test_0", "question": "who", "golden_answers": ["a", "b"], "metadata": {}},
            Question("test_0", "who", ("a", "b")),
        ),
        # KILT: an item holds an answer, where it stands, or both
        (
            {
                "id": "k1",
                "input": "who",
                "output": [
                    {"answer": "a", "provenance": [{"wikipedia_id": "1"}]},
                    {"provenance": []},
                    {"answer": "b"},
                ],
                "meta": {},
            },
            Question("k1", "who", ("a", "b")),
        ),
        # TriviaQA
        (
            {
                "question": "who",
                "question_id": "tc_3",
                "answer": {"value": "Sinclair Lewis", "aliases": ["H. S. Lewis"]},
            },
            Question("tc_3", "who", ("Sinclair Lewis", "H. S. Lewis")),
        ),
        (
            {
                "question": "who",
                "question_id": "x",
                "answer": {"value": "a", "aliases": ["b", "a"]},
            },
            Question("x", "who", ("b", "a")),
        ),
        # PopQA: JSON in a text
        (
            {"id": 4222362, "question": "who", "possible_answers": '["pol", "politician"]'},
            Question("4222362", "who", ("pol", "politician")),
        ),
        ({"id": 1, "question": "who", "possible_answers": ["a"]}, Question("1", "who", ("a",))),
        # SQuAD
        (
            {"id": "5", "question": "who", "answers": {"text": ["a", "a"], "answer_start": [1, 1]}},
            Question("5", "who", ("a", "a")),
        ),
        (
            {"id": "5", "question": "who", "answers": [{"text": "a", "answer_start": 1}]},
            Question("5", "who", ("a",)),
        ),
        # EntityQuestions, WebQuestions, HotpotQA
        ({"question": "who", "answers": ["a"]}, Question("q-0", "who", ("a",))),
        ({"_id": "5a8", "question": "who", "answer": "yes"}, Question("q-0", "who", ("yes",))),
        # An id of another name beside a list of answers was a number in version 0.1.0.
        ({"question_id": "x", "question": "who", "answer": ["a"]}, Question("q-0", "who", ("a",))),
        ({"question": "who", "answer": None, "answers": ["a"]}, Question("q-0", "who", ("a",))),
        (
            {"question": "who", "answer": [1931, "1931", 1.5]},
            Question("q-0", "who", ("1931", "1931", "1.5")),
        ),
        ({"question": "who", "answer": 42}, Question("q-0", "who", ("42",))),
        ({"question": "who", "answer": []}, Question("q-0", "who")),
        ({"question": "who", "answer": None}, Question("q-0", "who")),
        ({"question": "who", "golden_answers": [" "]}, Question("q-0", "who")),
        ({"id": "k", "input": "who", "output": [{"provenance": []}]}, Question("k", "who")),
    ],
)
def test_a_line_of(tmp_path: Path, row: object, expected: Question) -> None:
    assert read(tmp_path, row) == expected


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (
            {"question": "who", "gold": ["a"]},
            "'answer' is missing or no list of texts; its keys are 'question', 'gold'; add",
        ),
        ({"question": "who", "answer": True}, "'answer' is missing or no list of texts"),
        ({"question": "who", "answer": ["a", None]}, "'answer' is missing or no list of texts"),
        (
            {"question": "who", "golden_answers": [["a"]]},
            "'answer' is missing or no list of texts; its answers are in 'golden_answers'",
        ),
        ({"question": "who", "possible_answers": "[1"}, "broken JSON"),
        ({"instruction": "who", "output": "a"}, "the question is missing or empty; its keys are"),
        ({"input": "who", "output": "a"}, "'answer' is missing or no list of texts; its answers"),
        (
            {"question_text": "who", "annotations": []},
            "the question is missing or empty; its keys are 'question_text', 'annotations'",
        ),
        ({"question": {"text": "who"}, "answer": ["a"]}, "the question is missing or empty"),
    ],
)
def test_a_form_that_is_not_read_names_its_keys(tmp_path: Path, row: object, line: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, row)
    assert str(caught.value).startswith(f"{tmp_path / 'q.jsonl'}:1: {line}")


def test_questions_without_answers_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "q.jsonl"
    rows = [{"question": "who", "answer": answer} for answer in (["a"], [], ["b"], None)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [question.answers for question in read_questions(path)] == [("a",), (), ("b",), ()]
    assert caplog.messages == [
        f"{path}: 2 of 4 questions have no accepted answers, the first at {path}:2; "
        "metrics of answers leave them out"
    ]


def test_squads_own_file(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    qas = [
        {"id": "5", "question": "who", "answers": [{"text": "a", "answer_start": 0}]},
        {"id": "6", "question": "why", "answers": [], "is_impossible": True},
    ]
    paragraph = {"context": "a b", "qas": qas}
    path.write_text(json.dumps({"version": "v2.0", "data": [{"paragraphs": [paragraph]}]}))
    assert read_dpr_json(path).questions == (Question("5", "who", ("a",)), Question("6", "why"))


def test_triviaqas_own_file(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    row = {"Question": "who", "QuestionId": "tc_8", "Answer": {"Value": "a", "Aliases": ["a", "b"]}}
    path.write_text(json.dumps({"Data": [row], "Domain": "Web"}))
    assert read_dpr_json(path).questions == (Question("tc_8", "who", ("a", "b")),)


@pytest.mark.parametrize(
    "data",
    [{"data": [{"paragraphs": 5}]}, {"data": [{"paragraphs": [{"qas": ["x"]}]}]}, {"data": 5}, {}],
)
def test_a_file_that_only_looks_like_squads(tmp_path: Path, data: object) -> None:
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match="expected"):
        read_dpr_json(path)


def test_a_table_with_named_columns(tmp_path: Path) -> None:
    path = tmp_path / "popqa.tsv"
    path.write_text(
        "id\tsubj\tquestion\tpossible_answers\n"
        '7\tGeorge\tWhat is it?\t"[""politician"", ""caf\\u00e9""]"\n'
        "8\tAnn\tWho?\t['a', \"b's\"]\n"
    )
    assert read_qa_csv(path).questions == (
        Question("7", "What is it?", ("politician", "café")),
        Question("8", "Who?", ("a", "b's")),
    )
    path.write_text("id\tquestion\tanswers\n7\tWho?\n")
    with pytest.raises(DataError, match=r"popqa.tsv:2: 2 columns instead of the 3 of the header"):
        read_qa_csv(path)


def test_a_question_may_be_long(tmp_path: Path) -> None:
    path, text = tmp_path / "q.csv", "é" * 200_000
    path.write_text(f"{text}\t['a']\n", encoding="utf-8")
    assert read_qa_csv(path).questions[0].text == text
    path.write_text(f"{'e' * 1_000_001}\t['a']\n")
    with pytest.raises(DataError, match=r"q.csv:1: broken row \(field larger than field limit"):
        read_qa_csv(path)
