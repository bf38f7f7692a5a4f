from __future__ import annotations

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


def test_judged_question_that_is_not_there(folder: Path) -> None:
    with pytest.raises(DataError, match="1 judged questions are not there, the first is '4'"):
        read_split(folder, "train")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"title": "a", "text": "b"}\n', ":1: '_id' is missing, empty or no text"),
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
