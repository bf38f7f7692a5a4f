from __future__ import annotations

import pytest

from eval.interpolation import interpolated
from odqa.types import Hit


def test_the_retrievers_score_is_taken_out_and_put_in() -> None:
    retrieved = {"q": [Hit("a", 0.5), Hit("b", 0.25), Hit("c", 0.0)]}
    # The ranker alone says a 1, b 3, c 2; with 8 times the retriever's score 5, 5, 2.
    ranked = {"q": [Hit("a", 5.0), Hit("b", 5.0), Hit("c", 2.0)]}
    alone = interpolated(retrieved, ranked, had=8, weight=0)["q"]
    assert [(hit.passage_id, hit.score) for hit in alone] == [("b", 3.0), ("c", 2.0), ("a", 1.0)]
    more = interpolated(retrieved, ranked, had=8, weight=12)["q"]
    assert [(hit.passage_id, hit.score) for hit in more] == [("a", 7.0), ("b", 6.0), ("c", 2.0)]
    assert interpolated(retrieved, ranked, had=8, weight=8) == ranked


def test_a_passage_that_was_not_retrieved_is_named() -> None:
    with pytest.raises(ValueError, match="'a' of question 'q' was not retrieved"):
        interpolated({}, {"q": [Hit("a", 1.0)]}, had=0, weight=1)
