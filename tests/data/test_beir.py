from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.data.beir import is_beir, read_passages, read_split
from odqa.errors import DataError
from odqa.types import Passage, Question


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scifact"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(
        '{"_id": "4983", "title": "T", "text": "x", "metadata": {}}\n{"_id": "7", "text": ""}\n'
    )
    (folder / "queries.jsonl").write_text(
        '{"_id": "1", "text": "one"}\n{"_id": "2", "text": "two"}\n{"_id": "3", "text": "three"}\n'
    )
    header = "query-id\tcorpus-id\tscore\n"
    (folder / "qrels" / "test.tsv").write_text(f"{header}3\t4983\t1\n1\t7\t0\n")
    (folder / "qrels" / "train.tsv").write_text(f"{header}2\t7\t1\n4\t7\t1\n")
    return folder


def test_layout(folder: Path) -> None:
    assert is_beir(folder)
    assert not is_beir(folder / "qrels")


def test_passages(folder: Path) -> None:
    assert list(read_passages(folder / "corpus.jsonl")) == [
        Passage("4983", "x", "T"),
        Passage("7", ""),
    ]


def test_split_has_the_judged_questions_in_the_order_of_the_file(folder: Path) -> None:
    questions, qrels = read_split(folder, "test")
    assert questions.name == "scifact-test"
    assert questions.questions == (Question("1", "one"), Question("3", "three"))
    assert qrels == {"3": {"4983": 1}, "1": {"7": 0}}


def test_unknown_split(folder: Path) -> None:
    with pytest.raises(DataError, match=r"no split 'tset'; did you mean 'test'\?"):
        read_split(folder, "tset")


def test_a_judged_question_without_text_is_left_out(folder: Path) -> None:
    questions, qrels = read_split(folder, "train")
    assert [question.id for question in questions] == ["2"]
    assert set(qrels) == {"2", "4"}


def test_judgements_of_another_set(folder: Path) -> None:
    (folder / "qrels" / "train.tsv").write_text("8\t7\t1\n9\t7\t1\n")
    with pytest.raises(
        DataError, match="none of the 2 judged questions is there, the first is '8'"
    ):
        read_split(folder, "train")


def test_a_text_of_null_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text(
        '{"_id": "6", "title": "Only a title", "text": null}\n'
        '{"_id": "7", "title": null, "text": "Only a text"}\n'
    )
    assert list(read_passages(path)) == [
        Passage("6", "", "Only a title"),
        Passage("7", "Only a text", ""),
    ]


def test_contents_are_a_quoted_title_and_a_text(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    rows = [
        {"id": "0", "contents": '"Kelda "Point""\nThe lighthouse\nis green.'},
        {"id": 1, "contents": "No title\nbut two lines"},
        {"id": "2", "contents": '"All of it is quoted."'},
        {"id": "3", "title": "T", "text": "x", "contents": "another reading of it"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert list(read_passages(path)) == [
        Passage("0", "The lighthouse\nis green.", 'Kelda "Point"'),
        Passage("1", "No title\nbut two lines"),
        Passage("2", '"All of it is quoted."'),
        Passage("3", "x", "T"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"title": "a", "text": "b"}\n', ":1: '_id' is missing, empty or no text"),
        ('{"_id": "1", "body": "b"}\n', ":1: 'text' is missing; its keys are '_id', 'body'"),
        ('{"docid": "1", "text": "b"}\n', ":1: '_id' is missing, empty or no text; its keys are"),
        ('{"_id": "1", "text": "\\ud800"}\n', ":1: half of a surrogate pair"),
        ('{"_id": "a\\u0000b", "text": "b"}\n', r":1: the passage id 'a\x00b' has a control"),
        ('{"_id": "1", "text": ["b"]}\n', ":1: 'title' or 'text' is no text"),
        ('{"_id": "1", "text": "b"}\n{\n', ":2: broken JSON"),
    ],
)
def test_bad_corpus(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        list(read_passages(path))
    assert str(caught.value).startswith(f"{path}{line}")


def test_one_question_twice(folder: Path) -> None:
    with (folder / "queries.jsonl").open("a") as file:
        file.write('{"_id": "1", "text": "again"}\n')
    with pytest.raises(DataError, match=r"queries.jsonl:4: the question id '1' is given twice"):
        read_split(folder, "test")
