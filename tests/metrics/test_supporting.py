"""Questions of several hops: all that is needed, not any of it. Values are counted by hand."""

from __future__ import annotations

import pytest

from odqa.data.corpus import Corpus
from odqa.errors import RunError
from odqa.metrics.attribution import lost_by, outcomes
from odqa.metrics.catalogue import describe, heading
from odqa.metrics.has_answer import AnswerFinder
from odqa.metrics.measures import needed_measures, parse_measures
from odqa.metrics.rows import MetricRow, judge_hits
from odqa.metrics.supporting import all_found, needed_values, share_found
from odqa.types import Hit, Passage, Question

#: Two passages of page A, one each of B, C and D.
PASSAGES = [
    Passage("a1", "Ed Wood is a film.", "Ed Wood"),
    Passage("a2", "It is black and white.", "Ed_Wood"),
    Passage("b1", "Scott directed it in 1994.", "Scott"),
    Passage("c1", "Unrelated.", "Other"),
    Passage("d1", "Unrelated too."),
]
TWO = Question("two", "when", ("1994",), ("Ed Wood", "Scott"))
ONE = Question("one", "when", ("1994",))


def judged(question: Question, hits: str, **options: object) -> dict[str, float]:
    finder = AnswerFinder(Corpus.from_passages(PASSAGES))
    run = {question.id: [Hit(p, float(-n)) for n, p in enumerate(hits.split())]}
    return judge_hits([question], run, finder, **options)[question.id]  # type: ignore[arg-type]


def test_by_hand() -> None:
    assert share_found(["a", "b"], ["x", "b"]) == 0.5
    assert all_found(["a", "b"], ["b", "x", "a"]) == 1.0
    # a at rank 2, b at rank 4.
    assert needed_values(["a", "b"], ["x", "a", "y", "b"], [1, 2, 3, 4]) == {
        "support@1": 0.0,
        "support@2": 0.5,
        "support@3": 0.5,
        "support@4": 1.0,
        "all_gold@1": 0.0,
        "all_gold@2": 0.0,
        "all_gold@3": 0.0,
        "all_gold@4": 1.0,
        "all_gold": 1.0,
    }


def test_pages_are_found_by_the_titles_of_their_passages() -> None:
    values = judged(TWO, "a1 a2 c1 d1 b1 c1", depth=20)
    # Both passages of Ed Wood are one page; Scott comes at rank 5.
    assert (values["support@1"], values["support@5"], values["all_gold@1"]) == (0.5, 1.0, 0.0)
    assert values["all_gold@5"] == values["all_gold@20"] == values["all_gold"] == 1.0
    assert judged(TWO, "a1 a2 c1", depth=20)["all_gold"] == 0.0
    assert judged(TWO, "b1", depth=1) == {
        "has_answer@1": 1.0,
        "oracle": 1.0,
        "support@1": 0.5,
        "all_gold@1": 0.0,
        "all_gold": 0.0,
    }
    assert judged(TWO, "", depth=1)["support@1"] == 0.0


def test_the_passage_with_the_answer_alone_is_not_enough() -> None:
    values = judged(TWO, "b1 c1", depth=5)
    assert (values["has_answer@5"], values["all_gold@5"]) == (1.0, 0.0)


def test_relevance_judgements_go_before_titles() -> None:
    qrels = {"two": {"a1": 1, "b1": 1, "c1": 0}}
    # a2 is of the page, and is not the passage that was judged.
    assert judged(TWO, "a2 b1", qrels=qrels, depth=5)["all_gold@5"] == 0.0
    values = judged(TWO, "a1 b1", qrels=qrels, depth=5)
    assert values["all_gold@5"] == values["recall@5"] == values["support@5"] == 1.0


def test_of_other_questions_only_what_was_asked_for() -> None:
    qrels = {"one": {"a1": 1, "b1": 1}}
    assert not any("gold" in name for name in judged(ONE, "a1 b1", qrels=qrels, depth=5))
    measures = parse_measures(["all_gold@2", "retrieved_all_gold@1"])
    values = judged(ONE, "a1 b1", qrels=qrels, depth=5, measures=measures)
    assert {n: v for n, v in values.items() if "gold" in n} == {
        "all_gold@1": 0.0,
        "all_gold@2": 1.0,
    }
    assert not any("gold" in name for name in judged(ONE, "a1", depth=5, measures=measures))


def test_names() -> None:
    names = ["all_gold@3", "retrieved_support@10", "bm25/all_gold@2", "retrieved_all_gold"]
    measures = parse_measures(names)
    assert measures.columns == ("ranked_all_gold@3", *names[1:])
    assert measures.gold_cuts == (2, 3, 10)
    assert not measures.rankings and not measures.cuts
    assert needed_measures(measures) == {
        "ranked_all_gold@3": True,
        "retrieved_support@10": False,
        "bm25/all_gold@2": True,
        "retrieved_all_gold": False,
    }
    assert needed_measures(parse_measures(["em", "nDCG@3", "has_answer@3"])) == {}
    assert "All relevant passages" in describe("retrieved_all_gold@20").meaning
    assert heading("ranked_all_gold@5") == ("ranked", "all gold@5")
    for name in ("fusion/all_gold_in", "ranked_all_gold", "ranked_support@7"):
        assert describe(name).name == name
    for name in ("support", "all_gold@0", "all_gold@x", "all_gold_in"):
        with pytest.raises(RunError):
            parse_measures([name])


def rows(**values: float) -> list[MetricRow]:
    return [MetricRow("p", "q", name, value) for name, value in values.items()]


def test_outcomes_go_by_all_that_is_needed() -> None:
    held = {"em": 0.0, "retrieved_oracle": 1.0, "ranked_oracle": 1.0}

    def outcome(**values: float) -> str:
        return outcomes(rows(**held | values))["p"]["q"]

    assert outcome() == "reader miss"
    assert outcome(retrieved_all_gold=0.0, ranked_all_gold=0.0) == "retriever miss"
    assert outcome(retrieved_all_gold=1.0, ranked_all_gold=0.0) == "ranker drop"
    # "yes" stands in no passage, and is a right answer to learn from two of them.
    yes = {"retrieved_oracle": 0.0, "ranked_oracle": 0.0}
    assert outcome(**yes, retrieved_all_gold=1.0, ranked_all_gold=1.0) == "reader miss"
    assert outcome(em=1.0, retrieved_all_gold=0.0, ranked_all_gold=0.0) == "answered"


def test_a_fusion_that_got_a_hop_from_each_member_lost_the_question() -> None:
    inputs = {"a": (), "b": (), "fused": ("a", "b")}
    nobody = {"a": 0.0, "b": 0.0, "fused": 0.0}
    assert lost_by(nobody, inputs, "fused") == ("a", "b")
    assert lost_by(nobody, inputs, "fused", {"fused": 0.0}) == ("a", "b")
    assert lost_by(nobody, inputs, "fused", {"fused": 1.0}) == ("fused",)
