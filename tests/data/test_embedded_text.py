"""The corpus we wrote ourselves keeps the promises of its README."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from odqa.data.dpr_tsv import read_passages
from odqa.data.embedded import EMBEDDED
from odqa.data.nq_open import read_questions
from odqa.data.qrels import read_qrels
from odqa.metrics.has_answer import has_answer
from odqa.types import Passage, Question

PASSAGES = {p.id: p for p in read_passages(EMBEDDED / "passages.tsv")}
QUESTIONS = read_questions(EMBEDDED / "questions.jsonl").questions
QRELS = read_qrels(EMBEDDED / "questions.qrels")

FUNCTION_WORDS = """
    a an and are as at be been by did do does first for from get got had has have he her his how
    in into is it its many name no not of on one or she than that the their them there they this
    to two was were what when where which while who whom whose with
"""


def gold(question: Question) -> Passage:
    (passage_id,) = QRELS[question.id]
    return PASSAGES[passage_id]


def content_words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - set(FUNCTION_WORDS.split())


def test_there_are_240_passages_and_100_questions_numbered_in_order() -> None:
    raw = (EMBEDDED / "passages.tsv").read_text(encoding="utf-8").splitlines()
    assert raw[0] == "id\ttext\ttitle"
    assert [line.split("\t")[0] for line in raw[1:]] == [str(n) for n in range(1, 241)]
    assert len(PASSAGES) == 240
    assert [q.id for q in QUESTIONS] == [f"emb-{n:03d}" for n in range(1, 101)]


def test_every_passage_has_a_title_and_the_length_of_a_dpr_block() -> None:
    for passage in PASSAGES.values():
        assert passage.title
        assert 55 <= len(passage.text.split()) <= 120, passage.title


def test_no_sentence_is_written_twice() -> None:
    sentences = Counter(
        sentence
        for passage in PASSAGES.values()
        for sentence in re.split(r"(?<=[.?!]) ", passage.text)
    )
    assert [s for s, n in sentences.items() if n > 1 and len(s.split()) > 3] == []


def test_titles_are_shared_by_several_passages_as_in_dpr() -> None:
    shared = [t for t, n in Counter(p.title for p in PASSAGES.values()).items() if n > 1]
    assert len(shared) == 11


def test_every_question_has_one_gold_passage_of_its_own() -> None:
    assert set(QRELS) == {q.id for q in QUESTIONS}
    assert all(list(judged.values()) == [1] for judged in QRELS.values())
    assert len({gold(q).id for q in QUESTIONS}) == len(QUESTIONS)


def test_questions_read_as_typed_into_a_search_engine() -> None:
    for question in QUESTIONS:
        assert question.text == question.text.lower().strip()
        assert not question.text.endswith("?")
    assert len({q.text for q in QUESTIONS}) == len(QUESTIONS)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.id)
def test_every_accepted_answer_occurs_in_the_gold_passage(question: Question) -> None:
    assert question.answers
    for answer in question.answers:
        assert has_answer(gold(question).text, [answer]), answer


def test_answers_hardly_ever_occur_outside_the_gold_passage() -> None:
    ambiguous = [
        q.id
        for q in QUESTIONS
        if any(has_answer(p.text, q.answers) for p in PASSAGES.values() if p is not gold(q))
    ]
    assert len(ambiguous) == 4


def test_most_questions_have_a_near_miss_passage() -> None:
    words = {p.id: content_words(f"{p.title} {p.text}") for p in PASSAGES.values()}
    tempted = [
        q.id
        for q in QUESTIONS
        if any(
            len(content_words(q.text) & words[p.id]) >= 2
            for p in PASSAGES.values()
            if p is not gold(q)
        )
    ]
    assert len(tempted) >= 60
