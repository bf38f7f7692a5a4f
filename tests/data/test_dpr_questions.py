from __future__ import annotations

from pathlib import Path

import pytest

from odqa.data.dpr_questions import read_dpr_json, read_qa_csv
from odqa.errors import DataError
from odqa.types import Question


def test_qa_csv(tmp_path: Path) -> None:
    path = tmp_path / "nq-test.qa.csv"
    path.write_text(
        "who got the first nobel prize in physics\t['Wilhelm Conrad Röntgen']\n"
        '"who sang ""hello"""\t"[\'Adele\', ""Adele\'s""]"\n',
        encoding="utf-8",
    )
    assert read_qa_csv(path).questions == (
        Question(
            "nq-test.qa-0", "who got the first nobel prize in physics", ("Wilhelm Conrad Röntgen",)
        ),
        Question("nq-test.qa-1", 'who sang "hello"', ("Adele", "Adele's")),
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("who\t['a']\nwho\n", ":2: expected a question, a tab and a list of answers, found 1 col"),
        ("who\t[a]\n", ":1: the answers are no list of texts; expected ['first', 'second']"),
        ("who\t__import__('os').getcwd()\n", ":1: the answers are no list of texts"),
        ("who\t" + "(" * 5000 + "\n", ":1: the answers are no list of texts"),
        ("who\t{'a': 1}\n", ":1: 'answer' is missing or no list of texts"),
        ("who\t[]\n", ":1: the question has no answers"),
    ],
)
def test_bad_csv(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "q.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_qa_csv(path)
    assert str(caught.value).startswith(f"{path}{line}")


def test_a_broken_literal_is_one_line_without_warnings(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / "q.csv"
    path.write_text("who\t[1and 2x]\n")
    with pytest.raises(DataError, match="the answers are no list of texts"):
        read_qa_csv(path)
    assert not recwarn.list


def test_retriever_json(tmp_path: Path) -> None:
    path = tmp_path / "biencoder-nq-dev.json"
    path.write_text('[{"dataset": "nq", "question": "who", "answers": ["a"], "positive_ctxs": []}]')
    assert read_dpr_json(path).questions == (Question("biencoder-nq-dev-0", "who", ("a",)),)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[{"question": "a",\n]', ":2: broken JSON"),
        (
            '{"question": "a", "answer": ["b"]}\n{"question": "c"}',
            ":2: broken JSON (Extra data); a",
        ),
        ('{"question": "a"}', ": expected a JSON list of questions"),
        ("[1]", ", item 1: expected a JSON object"),
        ('[{"question": "a", "answers": []}]', ", item 1: the question has no answers"),
        ("[]", ": there are no questions"),
    ],
)
def test_bad_json(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "q.json"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_dpr_json(path)
    assert str(caught.value).startswith(f"{path}{line}")
