from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from odqa.training.examples import Example, Examples
from odqa.training.mining import candidates
from odqa.types import Passage, Question

WORDS = ("house", "0", "1", "2", "3", "4", "5", "barn")


def _count(texts: Sequence[str]) -> np.ndarray:
    """Words of a text as a vector: the nearest passage shares most words."""
    return np.array(
        [[text.lower().replace(".", "").split().count(word) for word in WORDS] for text in texts],
        dtype=np.float32,
    )


def test_candidates_are_the_nearest_passages_of_the_corpus(examples: Examples) -> None:
    found = candidates(examples, "nq", _count, depth=3, corpus=True)
    # Held-out questions need candidates too.
    assert sorted(found) == [f"q{i}" for i in range(6)]
    for i in range(6):
        hits = found[f"q{i}"]
        assert len(hits) == 3
        assert hits[0].passage_id == f"p{i}"
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_reading_questions_are_searched_in_their_own_contexts(examples: Examples) -> None:
    examples.passages["r-c0"] = Passage("r-c0", "The barn.")
    examples.train["r"] = [Example(Question("r-0", "house 3 or barn", ("x",)), "r-c0", "r")]
    alone = candidates(examples, "r", _count, depth=5, corpus=False)
    assert [hit.passage_id for hit in alone["r-0"]] == ["r-c0"]
    wider = candidates(examples, "r", _count, depth=2, corpus=True)
    assert [hit.passage_id for hit in wider["r-0"]] == ["p3", "p0"]
    # Contexts of reading sources are no part of the corpus.
    assert "r-c0" not in {
        hit.passage_id
        for hits in candidates(examples, "nq", _count, depth=9, corpus=True).values()
        for hit in hits
    }
