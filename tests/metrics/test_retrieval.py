from __future__ import annotations

import math

import pytest

from odqa.errors import DataError
from odqa.metrics.retrieval import ranking_figures, score_ranking
from odqa.types import Hit


def hits(*ids: str) -> list[Hit]:
    return [Hit(passage_id, 1.0) for passage_id in ids]


def test_all_measures_by_hand() -> None:
    # Relevant: b (grade 2), d and f (grade 1); b is second, d fourth, f is not found.
    qrels = {"q": {"b": 2, "d": 1, "f": 1, "a": 0}}
    scores = score_ranking({"q": hits("a", "b", "c", "d")}, qrels, cuts=(1, 2, 4))["q"]
    ideal = 2 + 1 / math.log2(3) + 1 / math.log2(4)
    assert scores == pytest.approx(
        {
            "recall@1": 0.0,
            "recall@2": 1 / 3,
            "recall@4": 2 / 3,
            "success@1": 0.0,
            "success@2": 1.0,
            "success@4": 1.0,
            "mrr@10": 1 / 2,
            "ndcg@10": (2 / math.log2(3) + 1 / math.log2(5)) / ideal,
            "map": (1 / 2 + 2 / 4) / 3,
        }
    )


def test_cut_at_ten() -> None:
    late = hits(*(f"x{i}" for i in range(10)), "gold")
    scores = score_ranking({"q": late}, {"q": {"gold": 1}}, cuts=(20,))["q"]
    assert scores["mrr@10"] == scores["ndcg@10"] == 0.0
    assert scores["recall@20"] == 1.0
    assert scores["map"] == pytest.approx(1 / 11)


def test_order_decides_when_scores_tie() -> None:
    for order, expected in ((("a", "z"), 1.0), (("z", "a"), 0.5)):
        scores = score_ranking({"q": hits(*order)}, {"q": {"a": 1}}, cuts=(1,))["q"]
        assert scores["map"] == scores["mrr@10"] == expected


def test_a_question_without_hits_scores_zero_and_stays() -> None:
    scores = score_ranking({"none": [], "some": hits("a")}, {"none": {"a": 1}, "some": {"a": 1}})
    assert set(scores) == {"none", "some"}
    assert set(scores["none"]) == set(scores["some"])
    assert not any(scores["none"].values())


def test_a_question_without_relevant_passage_is_undefined() -> None:
    run = {"unjudged": hits("a"), "all wrong": hits("a"), "judged": hits("a")}
    qrels = {"all wrong": {"a": 0}, "judged": {"a": 1}, "not asked": {"a": 1}}
    assert set(score_ranking(run, qrels)) == {"judged"}
    assert score_ranking({}, qrels) == {}


def gold_at(rank: int | None, depth: int = 20) -> list[Hit]:
    """Hits with the gold passage at a rank (from 1), or without it."""
    return hits(*("gold" if n == rank else f"x{n}" for n in range(1, depth + 1)))


def test_ranking_figures_by_hand() -> None:
    # Gold passages are first, fourth, not found, and thirteenth: beyond MRR's ten.
    ranks = {"q1": 1, "q2": 4, "q3": None, "q4": 13}
    qrels = {question: {"gold": 1} for question in ranks}
    figures = ranking_figures({q: gold_at(rank) for q, rank in ranks.items()}, qrels)
    assert figures == {"R@1": 1 / 4, "R@5": 2 / 4, "MRR@10": (1 + 1 / 4) / 4}


def test_ranking_figures_of_one_gold_passage_are_those_of_its_rank() -> None:
    for rank in (*range(1, 13), None):
        figures = ranking_figures({"q": gold_at(rank)}, {"q": {"gold": 1}})
        assert figures == {
            "R@1": float(rank == 1),
            "R@5": float(rank is not None and rank <= 5),
            "MRR@10": 1 / rank if rank is not None and rank <= 10 else 0.0,
        }


def test_ranking_figures_are_means_over_judged_questions_of_the_run() -> None:
    qrels = {"q": {"a": 1, "b": 1}, "without hits": {"a": 1}, "not in the run": {"a": 1}}
    run = {"q": hits("a", "b"), "without hits": [], "unjudged": hits("a")}
    # R@1 of q is a half: one of two relevant passages is found.
    assert ranking_figures(run, qrels) == {"R@1": 1 / 4, "R@5": 1 / 2, "MRR@10": 1 / 2}
    with pytest.raises(DataError, match="no question of the run has a relevant passage"):
        ranking_figures(run, {"q": {"a": 0}})
