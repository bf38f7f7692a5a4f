from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.errors import DataError
from odqa.training.data.reading_comprehension import detokenise, read_reading_comprehension


def test_equal_contexts_become_one_passage(tmp_path: Path) -> None:
    rows = [
        {"question": f"Where is {place}?", "context": "They sleep .", "answers": ["sleep"]}
        for place in ("Rome", "Bonn", "Oslo", "Lima")
    ]
    path = tmp_path / "reading.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    labelled, passages = read_reading_comprehension(path, "r")
    assert list(passages) == ["r-c0"]
    assert passages["r-c0"].text == "They sleep."
    assert [row.question.id for row in labelled] == ["r-0", "r-1", "r-2", "r-3"]


def test_a_broken_reading_line_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"question": "a"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"r\.jsonl:1"):
        read_reading_comprehension(path, "r")


@pytest.mark.parametrize(
    ("tokenised", "plain"),
    [
        ("He won ( in 1903 ) , alone .", "He won (in 1903), alone."),
        ("the film 's star did n't go", "the film's star didn't go"),
        ("`` Dune '' is 782,160 SEK", '"Dune" is 782,160 SEK'),
        ("<Td> Goeppert - Mayer </Td>", "Goeppert-Mayer"),
        ("1956 -- 1972", "1956 -- 1972"),
    ],
)
def test_spaces_of_a_word_tokeniser_are_taken_back(tokenised: str, plain: str) -> None:
    assert detokenise(tokenised) == plain
