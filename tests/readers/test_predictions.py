from __future__ import annotations

from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.errors import DataError
from odqa.readers.predictions import PredictionsConfig, PredictionsReader
from odqa.testing.conformance import check_reader
from odqa.testing.toys import QUESTIONS, toy_dataset
from odqa.types import Answer, Hit

HITS = [[Hit("p1", 1.0)], [Hit("p2", 1.0)], []]


def prepared(path: Path) -> PredictionsReader:
    reader = PredictionsReader(PredictionsConfig(path=str(path)))
    reader.prepare(toy_dataset().corpus, Cache(enabled=False))
    return reader


def test_answers_come_by_question_without_evidence(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"q1": "the Seine", "q3": "Marlowe"}')
    reader = prepared(path)
    expected = [Answer("the Seine", 0.0), Answer("", 0.0), Answer("Marlowe", 0.0)]
    assert reader.read(QUESTIONS, HITS) == expected
    check_reader(reader, QUESTIONS, HITS)


def test_predictions_for_other_questions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"x": "y"}')
    with pytest.raises(DataError, match=r"other.json: nothing for 'q1' or any other question"):
        prepared(path).read(QUESTIONS, HITS)


def test_the_identity_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"q1": "x"}')
    first = PredictionsConfig(path=str(path)).identity()
    path.write_text('{"q1": "y"}')
    assert first != PredictionsConfig(path=str(path)).identity()


def test_what_is_missing_is_counted_and_what_is_unknown_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"q1": "the Seine", "q8": "x", "q9": "y"}')
    reader = prepared(path)
    reader.read(QUESTIONS, HITS)
    missing, unknown = (record.getMessage() for record in caplog.records)
    assert missing == f"{path}: no prediction for 2 of 3 questions, which count as wrong: q2, q3"
    assert unknown == f"{path}: 2 predictions are for other questions: q8, q9"
    caplog.clear()
    reader.read(QUESTIONS[:1], HITS[:1])
    assert not caplog.records
