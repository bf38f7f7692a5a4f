from __future__ import annotations

from collections.abc import Iterable
from math import log2
from typing import Any

import pytest

from odqa.data.corpus import Corpus
from odqa.metrics.catalogue import describe
from odqa.metrics.has_answer import AnswerFinder
from odqa.metrics.rows import MetricRow, hit_rows, judge_hits, score_answers
from odqa.types import Answer, Hit, Passage, Question

QUESTIONS = [
    Question("q1", "who wrote it", ("Mary Shelley", "Shelley")),
    Question("q2", "when was it", ("1818",)),
    Question("q3", "just asking"),
]
QRELS = {"q1": {"p1": 1, "p4": 1}, "q3": {"p2": 1}}


@pytest.fixture
def finder() -> AnswerFinder:
    texts = ["Written by Mary Shelley.", "Nothing here.", "It came out in 1818.", "More."]
    passages = [Passage(f"p{i}", text) for i, text in enumerate(texts, 1)]
    return AnswerFinder(Corpus.from_passages(passages))


def hits(*ids: str) -> list[Hit]:
    return [Hit(passage_id, float(-i)) for i, passage_id in enumerate(ids)]


def score_hits(stage: str, *given: Any, depth: int | None = None) -> list[MetricRow]:
    return hit_rows("p", f"{stage}_", judge_hits(*given, depth=depth))


def values(rows: Iterable[MetricRow], question: str) -> dict[str, float]:
    return {row.metric: row.value for row in rows if row.question_id == question}


def test_the_hit_that_is_the_question_itself_may_be_left_out(finder: AnswerFinder) -> None:
    question = Question("p2", "nothing here", ("1818",))
    own_first = {"p2": hits("p2", "p1", "p3")}
    qrels = {"p2": {"p3": 1, "p2": 1}}
    judged = judge_hits([question], own_first, finder, qrels, ignore_identical_ids=True)["p2"]
    # p1, p3 are left: the relevant passage has rank 2 of 1 / log2(3), ideal are two relevant ones.
    assert judged["mrr@10"] == 0.5
    assert judged["ndcg@10"] == pytest.approx((1 / log2(3)) / (1 + 1 / log2(3)))
    assert judged["recall@1"] == judged["has_answer@1"] == 0.0
    assert judge_hits([question], own_first, finder, qrels)["p2"]["mrr@10"] == 1.0


def test_hits_by_hand(finder: AnswerFinder) -> None:
    retrieved = {"q1": hits("p2", "p1"), "q3": hits("p2")}
    rows = score_hits("retrieved", QUESTIONS, retrieved, finder, QRELS, depth=5)
    assert {row.pipeline for row in rows} == {"p"}
    first = values(rows, "q1")
    assert first["retrieved_has_answer@1"] == 0.0
    assert first["retrieved_has_answer@5"] == first["retrieved_oracle"] == 1.0
    assert first["retrieved_recall@5"] == 0.5
    assert first["retrieved_success@5"] == 1.0
    assert first["retrieved_mrr@10"] == 0.5
    # No hits, no qrels: 0 where defined, and still there.
    assert values(rows, "q2") == {
        "retrieved_has_answer@1": 0.0,
        "retrieved_has_answer@5": 0.0,
        "retrieved_oracle": 0.0,
    }
    # No accepted answers: judged by qrels alone.
    third = values(rows, "q3")
    assert third["retrieved_recall@1"] == third["retrieved_map"] == 1.0
    assert not any("answer" in name or "oracle" in name for name in third)


def test_cuts_beyond_the_depth_of_the_stage_are_left_out(finder: AnswerFinder) -> None:
    rows = score_hits("ranked", QUESTIONS, {}, finder, QRELS, depth=5)
    cut = {row.metric for row in rows if "@" in row.metric and not row.metric.endswith("@10")}
    assert cut == {f"ranked_{m}@{k}" for m in ("has_answer", "recall", "success") for k in (1, 5)}


def test_answers_by_hand(finder: AnswerFinder) -> None:
    answers = {"q1": Answer("by Shelley", 1.0), "q3": Answer("whatever", 1.0)}
    reader_hits = {"q1": hits("p2", "p1"), "q2": hits("p2")}
    rows = score_answers("p", QUESTIONS, answers, reader_hits, finder)
    assert values(rows, "q1") == pytest.approx(
        {
            "em": 0.0,
            "f1": 2 / 3,
            "answered": 1.0,
            "answer_length": 2.0,
            "reader_em_given_answer": 0.0,
            "reader_f1_given_answer": 2 / 3,
        }
    )
    # Not answered: default scores; its passage holds no answer, so the reader is not blamed.
    assert values(rows, "q2") == {"em": 0.0, "f1": 0.0, "answered": 0.0, "answer_length": 0.0}
    assert values(rows, "q3") == {}


def test_every_row_is_one_metric_of_one_question(finder: AnswerFinder) -> None:
    retrieved = {"q1": hits("p2", "p1"), "q2": hits("p3", "p2"), "q3": hits("p2")}
    answers = {"q1": Answer("Shelley", 1.0), "q2": Answer("", 0.0)}
    rows = [
        *score_hits("retrieved", QUESTIONS, retrieved, finder, QRELS, depth=20),
        *score_hits("ranked", QUESTIONS, retrieved, finder, QRELS, depth=1),
        *score_answers("p", QUESTIONS, answers, retrieved, finder),
    ]
    assert len({(row.question_id, row.metric) for row in rows}) == len(rows)
    assert {row.metric for row in rows} >= {"ranked_recall@1", "retrieved_has_answer@20", "em"}
    for row in rows:
        assert describe(row.metric).name == row.metric


def test_without_qrels(finder: AnswerFinder) -> None:
    rows = score_hits("ranked", QUESTIONS, {"q1": hits("p1")}, finder)
    assert {row.metric.split("@")[0] for row in rows} == {"ranked_has_answer", "ranked_oracle"}
    assert score_hits("ranked", [], {}, finder) == score_answers("p", [], {}) == []


def test_regular_expressions_have_no_f1() -> None:
    questions = [Question("q", "when", (r"18\d\d",)), Question("r", "when", (r"19\d\d",))]
    corpus = Corpus.from_passages([Passage("p", "It came out in 1818.")])
    finder = AnswerFinder(corpus, "regex")
    read = {"q": hits("p"), "r": hits("p")}
    answers = {"q": Answer("1818", 1.0), "r": Answer("1818", 1.0)}
    rows = [
        *score_hits("ranked", questions, read, finder),
        *score_answers("p", questions, answers, read, finder, "regex"),
    ]
    first = values(rows, "q")
    assert first["em"] == first["reader_em_given_answer"] == first["ranked_oracle"] == 1.0
    assert values(rows, "r")["em"] == values(rows, "r")["ranked_oracle"] == 0.0
    assert not any("f1" in row.metric for row in rows)
