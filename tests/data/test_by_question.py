from __future__ import annotations

from pathlib import Path

import pytest

from odqa.data.by_question import ByQuestion
from odqa.errors import DataError
from odqa.types import Question

ONE, TWO = Question("q1", "Who’s  there?"), Question("q2", "and then")


def by_question(*rows: tuple[int, str | None, str | None]) -> ByQuestion[int]:
    values: ByQuestion[int] = ByQuestion(Path("other.json"))
    for number, (value, key, text) in enumerate(rows, start=1):
        values.add(value, f"other.json:{number}", key, text)
    return values


def test_by_id_or_by_text() -> None:
    assert by_question((1, "q1", None), (2, "q9", None)).of([ONE, TWO]) == [1, None]
    assert by_question((1, None, "who's there"), (2, None, "x")).of([ONE, TWO]) == [1, None]
    # Other ids, the same questions.
    assert by_question((1, "0", "and then"), (2, "1", "who's there?")).of([ONE, TWO]) == [2, 1]
    assert len(by_question((1, "0", None), (2, "1", None))) == 2


def test_ids_of_another_question_set_are_noticed() -> None:
    with pytest.raises(DataError, match="'q2' is 'what' there, but 'and then' here"):
        by_question((1, "q2", "what")).of([TWO])


def test_a_batch_of_strangers_is_another_question_set_one_alone_is_missing() -> None:
    values = by_question((1, "q1", None))
    strangers = [Question("x", "x"), Question("y", "y")]
    with pytest.raises(DataError, match="nothing for 'x' or any other question of its batch"):
        values.of(strangers)
    assert values.of([strangers[0]]) == [None]
    assert values.of([ONE, TWO]) == [1, None]
    # It is the right file, then: these questions have nothing in it.
    assert values.of(strangers) == [None, None]


def test_twice_the_same() -> None:
    with pytest.raises(DataError, match=r"other.json:2: the question 'q1' is given twice"):
        by_question((1, "q1", None), (1, "q1", None))
    assert by_question((1, None, "and then"), (1, None, "And  then")).of([TWO]) == [1]
    with pytest.raises(DataError, match=r"other.json:2: the question 'And then' is given twice"):
        by_question((1, None, "and then"), (2, None, "And then"))
    # With ids of its own the file may ask one text twice; the text alone then says nothing.
    twice = by_question((1, "a", "and then"), (2, "b", "and then"))
    assert twice.of([Question("b", "and then"), TWO]) == [2, None]
