"""Metrics of answers against people."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from odqa.analysis.verdicts import agreement_with_people, compare_with_people
from odqa.cli.main import main
from odqa.data.questions import QuestionSet
from odqa.data.verdicts import AnswerVerdict, read_verdicts
from odqa.errors import DataError
from odqa.types import Question

QUESTIONS = QuestionSet(
    "q",
    (Question("q1", "when did it open", ("1960",)), Question("q2", "who wrote it", ("Ada King",))),
)
VERDICTS = [
    AnswerVerdict("q1", "1960", True),
    AnswerVerdict("q1", "July 4, 1960", True),
    AnswerVerdict("q1", "1961", False),
    AnswerVerdict("q2", "Ada King", False),
    AnswerVerdict("q2", "nobody", False),
]


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_agreement_by_hand() -> None:
    by_metric = {a.metric: a for a in agreement_with_people(VERDICTS, QUESTIONS)}
    em = by_metric["em"]
    assert (em.system, em.verdicts, em.accuracy) == ("all", 5, 3 / 5)
    assert (em.too_strict, em.too_lenient) == (1, 1)
    # People accept 2 of 5, exact match 2 of 5: by chance 4/25 + 9/25 = 13/25.
    assert em.kappa == pytest.approx((3 / 5 - 13 / 25) / (12 / 25))
    assert by_metric["equivalent"].accuracy == 4 / 5
    assert by_metric["f1 >= 0.5"].too_strict == 0


def test_by_system(tmp_path: Path) -> None:
    predictions = lines(
        tmp_path / "a.jsonl",
        [
            {"id": "q1", "question": "when did it open", "prediction": "1961"},
            {"id": "q2", "question": "who wrote it", "prediction": "Ada King"},
        ],
    )
    rows = agreement_with_people(VERDICTS, QUESTIONS, {"a": predictions})
    (em,) = [row for row in rows if (row.system, row.metric) == ("a", "em")]
    assert (em.verdicts, em.accuracy, em.too_lenient) == (2, 1 / 2, 1)


def test_verdicts_on_other_questions() -> None:
    with pytest.raises(DataError, match="1 verdicts are on other questions, the first on 'q9'"):
        agreement_with_people([AnswerVerdict("q9", "x", True)], QUESTIONS)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question_id": "q1", "acceptable": True}, "'prediction' is missing or no text"),
        ({"question_id": "q1", "prediction": "x", "acceptable": 1}, "neither true nor false"),
        ({"prediction": "x", "acceptable": True}, "'question_id' is missing"),
    ],
)
def test_broken_lines(tmp_path: Path, row: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=rf"v\.jsonl:1: .*{message}"):
        read_verdicts(lines(tmp_path / "v.jsonl", [row]))


def test_no_verdicts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no verdicts"):
        read_verdicts(lines(tmp_path / "v.jsonl", []))


def analyse(*args: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["odqa", "analyse", "verdicts", *args])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"question_id": v.question_id, "prediction": v.prediction, "acceptable": v.acceptable}
        for v in VERDICTS
    ]
    verdicts = lines(tmp_path / "v.jsonl", rows)
    questions = lines(
        tmp_path / "q.jsonl",
        [{"id": q.id, "question": q.text, "answer": list(q.answers)} for q in QUESTIONS],
    )
    files = (str(verdicts), str(questions))
    assert analyse(*files, monkeypatch=monkeypatch) == 0
    table = capsys.readouterr().out
    assert table.strip() == compare_with_people(verdicts, QUESTIONS)
    assert "equivalent          5     0.800" in table
    assert analyse(*files, "--system", "x", monkeypatch=monkeypatch) == 2
