from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from odqa.data.nq_open import read_questions
from odqa.errors import DataError
from odqa.types import Question


def test_ids_are_read_or_made(tmp_path: Path) -> None:
    path = tmp_path / "nq-dev.jsonl.gz"
    path.write_bytes(
        gzip.compress(
            b'{"question": "who", "answer": ["a", " ", "b"]}\n'
            b'{"id": 7, "question": "what", "answers": "c"}\n'
        )
    )
    questions = read_questions(path)
    assert questions.name == "nq-dev"
    assert questions.questions == (
        Question("nq-dev-0", "who", ("a", "b")),
        Question("7", "what", ("c",)),
    )


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    path, text = tmp_path / "q.jsonl", "wer\u2028 „das“?"
    path.write_text(f'{{"id": "a", "question": "{text}", "answer": ["ä", "\\""]}}\n', "utf-8")
    assert read_questions(path).questions == (Question("a", text, ("ä", '"')),)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n", ": there are no questions"),
        ('{"question": "a", "answer": ["b"]}\n{"question"\n', ":2: broken JSON"),
        ('["a"]\n', ":1: expected a JSON object"),
        ('{"answer": ["b"]}\n', ":1: the question is missing or empty"),
        ('{"question": "  ", "answer": ["b"]}\n', ":1: the question is missing or empty"),
        ('{"question": "a"}\n', ":1: 'answer' is missing or no list of texts"),
        ('{"question": "a", "answer": [[1]]}\n', ":1: 'answer' is missing or no list of texts"),
        ('{"question": "a", "answer": []}\n', ":1: the question has no answers"),
        ('{"question": "a", "answer": []}\n' * 2, ":1: the question has no answers, nor has any"),
        ('{"question": "a", "answer": [""]}\n', ":1: the question has no answers"),
        ('{"id": "", "question": "a", "answer": ["b"]}\n', ":1: 'id' is missing, empty"),
        (
            '{"id": "x y", "question": "a", "answer": ["b"]}\n',
            ":1: the question id 'x y' has white",
        ),
        ('{"question": "\\ud800", "answer": ["b"]}\n', ":1: half of a surrogate pair"),
        (
            '{"id": "x", "question": "a", "answer": ["b"]}\n' * 2,
            ":2: the question id 'x' is given twice; the first is at ",
        ),
    ],
)
def test_bad_files(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_questions(path)
    assert str(caught.value).startswith(f"{path}{line}")
