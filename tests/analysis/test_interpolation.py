from __future__ import annotations

from pathlib import Path

import pytest

from odqa.analysis.interpolation import figures_by_weight, interpolate, parse_weights
from odqa.data.qrels import write_qrels
from odqa.data.trec import write_run
from odqa.errors import DataError, SpecError
from odqa.types import Hit

RETRIEVED = {"q": [Hit("a", 0.5), Hit("b", 0.25), Hit("c", 0.0)]}
# The ranker alone says a 1, b 3, c 2; with 8 times the retriever's score 5, 5, 2.
RANKED = {"q": [Hit("a", 5.0), Hit("b", 5.0), Hit("c", 2.0)]}


def test_the_retrievers_score_is_taken_out_and_put_in() -> None:
    alone = interpolate(RETRIEVED, RANKED, applied_weight=8, weight=0)["q"]
    assert [(hit.passage_id, hit.score) for hit in alone] == [("b", 3.0), ("c", 2.0), ("a", 1.0)]
    more = interpolate(RETRIEVED, RANKED, applied_weight=8, weight=12)["q"]
    assert [(hit.passage_id, hit.score) for hit in more] == [("a", 7.0), ("b", 6.0), ("c", 2.0)]
    assert interpolate(RETRIEVED, RANKED, applied_weight=8, weight=8) == RANKED


def test_a_passage_that_was_not_retrieved_is_named() -> None:
    with pytest.raises(DataError) as caught:
        interpolate({}, RANKED, applied_weight=0, weight=1, where="ranked.trec")
    assert caught.value.line() == (
        "ranked.trec: passage 'a' of question 'q' was not retrieved; "
        "pass the run that the ranker was given"
    )


def test_figures_of_each_weight_over_judged_questions(tmp_path: Path) -> None:
    retrieved, ranked, qrels = (tmp_path / name for name in ("a.run", "b.run", "c.qrels"))
    unjudged = {"r": [Hit("a", 1.0)]}
    write_run(retrieved, RETRIEVED | unjudged, "retriever")
    write_run(ranked, RANKED | unjudged, "ranker")
    write_qrels(qrels, {"q": {"a": 1}, "other": {"a": 1}})
    assert figures_by_weight(retrieved, ranked, qrels, 8, [0, 12]) == [
        (0, {"R@1": 0.0, "R@5": 1.0, "MRR@10": 1 / 3}),
        (12, {"R@1": 1.0, "R@5": 1.0, "MRR@10": 1.0}),
    ]


def test_weights_are_finite_numbers() -> None:
    assert parse_weights("0, 2.5,-1") == [0.0, 2.5, -1.0]
    for text, wrong in (("0,x", "x"), ("", ""), ("1,inf", "inf"), ("1,", "")):
        with pytest.raises(SpecError, match=f"--weights: '{wrong}' is not a finite number"):
            parse_weights(text)
