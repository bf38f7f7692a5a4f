from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from odqa.data.query_file import read_query_file
from odqa.errors import DataError
from odqa.types import Query

ONE, TWO = Query("q1", "who “was” it"), Query("q2", "and then")


def test_lines_name_questions_by_id_or_text(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    rows = [
        {"id": "q1", "queries": ["a\u2028b", "c"], "model": "of no matter"},
        {"question": "And then?", "queries": ["d"]},
    ]
    path.write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = read_query_file(path)
    assert found.of([TWO, ONE]) == [("d",), ("a\u2028b", "c")]
    assert len(found) == 2
    packed = tmp_path / "queries.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_query_file(packed).of([ONE]) == [("a\u2028b", "c")]


def test_ids_of_another_question_set_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text('{"id": "q2", "question": "what", "queries": ["x"]}', encoding="utf-8")
    with pytest.raises(DataError, match="'q2' is 'what' there, but 'and then' here"):
        read_query_file(path).of([TWO])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"queries": ["x"]}', "queries.jsonl:1: 'question' is missing"),
        ('{"id": "", "queries": ["x"]}', "queries.jsonl:1: 'id' is missing, empty or no text"),
        ('{"id": "a"}', "queries.jsonl:1: queries is no list of texts; such as "),
        ('{"id": "a", "queries": []}', "queries.jsonl:1: queries is no list of texts"),
        ('{"id": "a", "queries": "x"}', "queries.jsonl:1: queries is no list of texts"),
        ('{"id": "a", "queries": ["x", " "]}', "queries.jsonl:1: queries is no list of texts"),
        ('{"id": "a", "queries": ["x", 5]}', "queries.jsonl:1: queries is no list of texts"),
        ('{"id": "a", "question": "", "queries": ["x"]}', "queries.jsonl:1: 'question' is missing"),
        (
            '{"id": "a", "queries": ["x"]}\n{"id": "a", "queries": ["x"]}',
            "queries.jsonl:2: the question 'a' is given twice",
        ),
        ("[]", "queries.jsonl:1: expected a JSON object"),
        ("{", "queries.jsonl:1: broken JSON"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "queries.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_query_file(tmp_path / "queries.jsonl")
    assert line in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"queries\.jsonl: no such file"):
        read_query_file(tmp_path / "queries.jsonl")
