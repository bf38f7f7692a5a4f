from __future__ import annotations

import pytest

from odqa.data.corpus import Corpus
from odqa.errors import DataError
from odqa.metrics.has_answer import AnswerFinder, has_answer
from odqa.types import Hit, Passage, Question


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ("Paris is the capital of France.", "paris", True),
        ("Paris is the capital of France.", "Capital  of\tFrance", True),
        ("Comparison", "paris", False),
        ("It weighs 1,200.5 kg", "1,200.5", True),
        ("It weighs 1200.5 kg", "1,200.5", False),
        ("rock'n'roll", "n", True),
        ("Zoë Café", "zoe\u0308 cafe\u0301", True),
        ("Zoë", "zoe", False),
        ("the end", "end.", False),
        ("", "x", False),
        ("x", "", False),
        ("x", " \u200b", False),
    ],
)
def test_tokens(text: str, answer: str, expected: bool) -> None:
    assert has_answer(text, ["absent", answer]) is expected


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("Born in 1887 in Berlin", r"18\d\d", True),
        ("Born in 1787 in Berlin", r"18\d\d", False),
        ("line one\nLine two", r"^line two$", True),
        ("a (b", "(b", False),
        ("Comparison", "PARIS", True),
    ],
)
def test_regex(text: str, pattern: str, expected: bool) -> None:
    assert has_answer(text, [pattern], "regex") is expected


def test_no_answers_no_match() -> None:
    assert not has_answer("anything", [])
    assert not has_answer("anything", [], "regex")


def test_finder_gives_the_first_position_and_reads_text_only() -> None:
    corpus = Corpus.from_passages(
        [
            Passage("p1", "A city in Germany.", "Paris"),
            Passage("p2", "Paris lies on the Seine."),
            Passage("p3", "Paris again, in 1887."),
        ]
    )
    hits = [Hit("p1", 3.0), Hit("p3", 2.0), Hit("p2", 1.0)]
    question = Question("q", "where is the Seine", ("paris",))
    assert AnswerFinder(corpus).first(question, hits) == 1
    assert AnswerFinder(corpus).first(question, hits[:1]) is None
    assert AnswerFinder(corpus).first(question, []) is None
    assert AnswerFinder(corpus, "regex").first(Question("q", "when", (r"18\d+",)), hits) == 1
    with pytest.raises(DataError):
        AnswerFinder(corpus).first(question, [Hit("nowhere", 1.0)])
