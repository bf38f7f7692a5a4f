"""Metrics chosen by name."""

from __future__ import annotations

import pytest

from odqa.errors import RunError
from odqa.metrics.catalogue import describe
from odqa.metrics.has_answer import AnswerFinder
from odqa.metrics.measures import ANSWER_METRICS, parse_measures
from odqa.metrics.rows import judge_hits, score_answers
from odqa.testing.toys import toy_dataset
from odqa.types import Answer, Hit, Question


def test_names_of_ir_measures_are_those_of_the_rows() -> None:
    measures = parse_measures(["em", "nDCG@20", "R@100", "retrieved_R@100", "bm25/AP", "Success@3"])
    assert measures.columns == (
        *("em", "ranked_ndcg@20", "ranked_recall@100", "retrieved_recall@100", "bm25/map"),
        "ranked_success@3",
    )
    assert measures.rankings == {
        "ndcg@20": "nDCG@20",
        "recall@100": "R@100",
        "map": "AP",
        "success@3": "Success@3",
    }


@pytest.mark.parametrize(
    ("name", "column", "peer"),
    [
        ("ndcg@20", "ranked_ndcg@20", "nDCG@20"),
        ("mrr@10", "ranked_mrr@10", "RR@10"),
        ("RR", "ranked_mrr", "RR"),
        ("P@5", "ranked_precision@5", "P@5"),
        ("AP@100", "ranked_map@100", "AP@100"),
        ("ranked_map", "ranked_map", "AP"),
        # Without a name of ours.
        ("Bpref", "ranked_Bpref", "Bpref"),
        ("retrieved_Judged@10", "retrieved_Judged@10", "Judged@10"),
    ],
)
def test_a_name(name: str, column: str, peer: str) -> None:
    measures = parse_measures([name])
    assert measures.columns == (column,)
    assert list(measures.rankings.values()) == [peer]


def test_cuts_of_has_answer_and_metrics_of_answers() -> None:
    measures = parse_measures(["has_answer@3", "retrieved_oracle", "equivalent", "f1", "contains"])
    assert measures.columns == (
        *("ranked_has_answer@3", "retrieved_oracle", "equivalent", "f1", "contains"),
    )
    assert measures.cuts == (3,)
    assert measures.answers == ("equivalent", "contains")
    assert measures.rankings == {}


@pytest.mark.parametrize(
    "name", ["", "exact", "em@5", "nDCG@", "R", "foo@3", "has_answer", "@5", "R@k"]
)
def test_unknown_names(name: str) -> None:
    with pytest.raises(RunError, match="unknown metric"):
        parse_measures([name])


def test_a_measure_that_nothing_computes_is_refused() -> None:
    with pytest.raises(RunError, match=r"no installed tool computes 'alpha_nDCG@5'"):
        parse_measures(["alpha_nDCG@5"])


def test_names_with_a_meaning() -> None:
    for name in ("nDCG@20", "P@5", "AP@7", "RR", "Success@3", "equivalent", "has_answer@3"):
        assert all(describe(column).meaning for column in parse_measures([name]).columns)
    assert {describe(name).name for name in ANSWER_METRICS} == set(ANSWER_METRICS)


def test_rankings_by_hand() -> None:
    data = toy_dataset()
    questions = data.questions.questions[:1]
    hits = {questions[0].id: [Hit("p1", 3.0), Hit("p3", 2.0), Hit("p2", 1.0)]}
    qrels = {questions[0].id: {"p3": 1, "p2": 1}}
    measures = parse_measures(["P@2", "AP", "RR", "has_answer@2", "Judged@3", "R@2"])
    finder = AnswerFinder(data.corpus)
    values = judge_hits(questions, hits, finder, qrels, depth=1, measures=measures)[questions[0].id]
    assert values["precision@2"] == pytest.approx(1 / 2)
    assert values["map"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert values["mrr"] == pytest.approx(1 / 2)
    assert values["Judged@3"] == pytest.approx(2 / 3)
    # What is asked for is computed beyond the depth of the stage as well.
    assert values["recall@2"] == pytest.approx(1 / 2)
    assert "has_answer@2" in values
    assert "recall@5" not in values


def test_metrics_of_answers_by_hand() -> None:
    question = Question("q", "when did it open", ("1960", "July 4, 1960"))
    answers = {"q": Answer("It opened in July 1960.", 1.0)}
    measures = parse_measures(["equivalent", "contains", "token_recall"])
    rows = score_answers("p", [question], answers, measures=measures)
    values = {row.metric: row.value for row in rows}
    assert (values["equivalent"], values["contains"], values["token_recall"]) == (1.0, 1.0, 1.0)
    assert values["em"] == 0.0
    assert "equivalent" not in {row.metric for row in score_answers("p", [question], answers)}
