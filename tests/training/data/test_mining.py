from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.mining import Search, _by_bm25, among_vectors, search_candidates
from odqa.training.data.training_data import TrainingData
from odqa.types import Hit, Passage, Question

WORDS = ("house", "0", "1", "2", "3", "4", "5", "barn")


def _count(texts: Sequence[str]) -> np.ndarray:
    """Words of a text as a vector: the nearest passage shares most words."""
    return np.array(
        [[text.lower().replace(".", "").split().count(word) for word in WORDS] for text in texts],
        dtype=np.float32,
    )


def _searching(data: TrainingData) -> Search:
    """Exact search by `_count` of all passages there are now, as a retriever would."""
    ids = list(data.passages)
    vectors = _count([data.passages[pid].full_text for pid in ids])

    def search(questions: Sequence[Question], k: int) -> list[list[Hit]]:
        scores = _count([question.text for question in questions]) @ vectors.T
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return [
            [Hit(ids[i], float(row[i])) for i in order]
            for row, order in zip(scores, best, strict=True)
        ]

    return search


def test_candidates_are_the_nearest_passages_of_the_corpus(data: TrainingData) -> None:
    candidates = search_candidates(
        data, "nq", among_vectors(data, _count), depth=3, search=_searching(data)
    )
    # Held-out questions need candidates too.
    assert sorted(candidates) == [f"q{i}" for i in range(6)]
    for i in range(6):
        hits = candidates[f"q{i}"]
        assert len(hits) == 3
        assert hits[0].passage_id == f"p{i}"
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_reading_questions_are_searched_in_their_own_contexts(data: TrainingData) -> None:
    corpus = _searching(data)
    data.passages["r-c0"] = Passage("r-c0", "The barn and house 3.")
    data.train["r"] = [LabelledQuestion(Question("r-0", "house 3 or barn", ("x",)), "r-c0", "r")]
    alone = search_candidates(data, "r", among_vectors(data, _count), depth=5, search=None)
    assert [(hit.passage_id, hit.score) for hit in alone["r-0"]] == [("r-c0", 3.0)]
    wider = search_candidates(data, "r", among_vectors(data, _count), depth=3, search=corpus)
    assert [(hit.passage_id, hit.score) for hit in wider["r-0"]] == [
        ("p3", 4.0),
        ("r-c0", 3.0),
        ("p0", 2.0),
    ]
    # Contexts of reading sources are no part of the corpus.
    assert "r-c0" not in {
        hit.passage_id
        for hits in search_candidates(
            data, "nq", among_vectors(data, _count), depth=9, search=corpus
        ).values()
        for hit in hits
    }


def test_bm25_mines_in_the_corpus_and_among_contexts(data: TrainingData, tmp_path: Path) -> None:
    corpus = Corpus.from_passages(list(data.passages.values()))
    data.passages["r-c0"] = Passage("r-c0", "The barn and house 3.")
    data.passages["r-c1"] = Passage("r-c1", "Nothing of the kind.")
    data.train["r"] = [
        LabelledQuestion(Question("r-0", "house 3 or barn", ("x",)), "r-c0", "r"),
        LabelledQuestion(Question("r-1", "which kind", ("x",)), "r-c1", "r"),
    ]
    search, among = _by_bm25(data, corpus, "", "auto", Cache(tmp_path))
    mined = search_candidates(data, "nq", among, depth=3, search=search)
    assert {question: hits[0].passage_id for question, hits in mined.items()} == {
        f"q{i}": f"p{i}" for i in range(6)
    }
    contexts = search_candidates(data, "r", among, depth=3, search=None)
    assert [hit.passage_id for hit in contexts["r-0"]] == ["r-c0"]
    assert [hit.passage_id for hit in contexts["r-1"]] == ["r-c1"]
