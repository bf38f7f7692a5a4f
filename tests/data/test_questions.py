from __future__ import annotations

import pytest

from odqa.data.questions import QuestionSet
from odqa.errors import DataError
from odqa.types import Question


def questions(n: int) -> QuestionSet:
    return QuestionSet("q", tuple(Question(f"q{i}", f"what is {i}", (str(i),)) for i in range(n)))


def test_fingerprint_is_of_content_and_order() -> None:
    first, second = Question("1", "a", ("x",)), Question("2", "b")
    base = QuestionSet("n", (first, second)).fingerprint
    assert base == QuestionSet("other", (first, second)).fingerprint
    assert base != QuestionSet("n", (second, first)).fingerprint
    assert base != QuestionSet("n", (Question("1", "a", ("y",)), second)).fingerprint


def test_take_first() -> None:
    sample = questions(10).take(3)
    assert [q.id for q in sample] == ["q0", "q1", "q2"]
    assert sample.name == "q (first 3)"
    assert len(sample) == 3


def test_take_random_keeps_order_and_repeats() -> None:
    sample = questions(100).take(10, seed=7)
    ids = [int(q.id[1:]) for q in sample]
    assert ids == sorted(ids)
    assert len(set(ids)) == 10
    assert ids != list(range(10))
    assert sample == questions(100).take(10, seed=7)
    assert sample != questions(100).take(10, seed=8)
    assert sample.name == "q (random 10, seed 7)"


@pytest.mark.parametrize("seed", [None, 1])
def test_take_more_than_there_are(seed: int | None) -> None:
    assert questions(3).take(4, seed) == questions(3)


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        ((), "there are no questions"),
        ((Question("a", " "),), "question 'a' has an empty text"),
        ((Question("a", "x", ("y", " ")),), "question 'a' has an empty answer"),
        ((Question("", "x"),), "a question has an empty id"),
        ((Question("a\t", "x"),), "has white space"),
        ((Question("a", "x"), Question("a", "y")), "the question id 'a' occurs twice"),
        ((Question("a", "\udfff"),), "half of a surrogate pair"),
    ],
)
def test_bad_questions_are_refused(bad: tuple[Question, ...], line: str) -> None:
    with pytest.raises(DataError) as caught:
        QuestionSet("mine", bad)
    assert str(caught.value).startswith("question set mine: ")
    assert line in str(caught.value)
