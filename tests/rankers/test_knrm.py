from __future__ import annotations

from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.rankers.knrm import KnrmConfig, KnrmRanker
from odqa.testing.conformance import check_ranker
from odqa.testing.tiny_word_models import tiny_knrm
from odqa.types import Hit, Passage, Question

PASSAGES = [
    Passage("1", "the tower of the old king was built in the north", "tower"),
    Passage("2", "a river flows through the city", "river city"),
    Passage("3", "which poem is the last", ""),
    Passage("4", "the tower of the old king was built in the north", "tower"),
    Passage("5", "!", ""),
]
QUESTIONS = [Question("a", "who built the tower"), Question("b", "?")]
HITS = [[Hit(p.id, -float(n)) for n, p in enumerate(PASSAGES)] for _ in QUESTIONS]


@pytest.fixture
def ranker(tmp_path: Path) -> KnrmRanker:
    folder = tiny_knrm(tmp_path / "tiny", stop_words=("the", "who"))
    ranker = KnrmRanker(KnrmConfig(checkpoint=str(folder), batch_size=2))
    ranker.prepare(Corpus.from_passages(PASSAGES), Cache(tmp_path / "cache"))
    return ranker


def test_conforms(ranker: KnrmRanker) -> None:
    check_ranker(ranker, QUESTIONS, HITS)


def test_equal_texts_tie_in_the_incoming_order(ranker: KnrmRanker) -> None:
    ranked = ranker.rank(QUESTIONS[:1], HITS[:1], 5)[0]
    order = [hit.passage_id for hit in ranked]
    scores = {hit.passage_id: hit.score for hit in ranked}
    assert scores["1"] == scores["4"]
    assert order.index("4") == order.index("1") + 1


def test_a_question_without_words_keeps_the_order(ranker: KnrmRanker) -> None:
    assert [hit.passage_id for hit in ranker.rank(QUESTIONS[1:], HITS[1:], 5)[0]] == list("12345")


def test_explains_which_word_matched_best(ranker: KnrmRanker) -> None:
    (explanations,) = ranker.explain(QUESTIONS[:1], [HITS[0][:1]])
    (explanation,) = explanations
    matches = {match.token: explanation.pieces[match.piece] for match in explanation.matches}
    text = PASSAGES[0].full_text
    assert {word: text[piece.start : piece.end] for word, piece in matches.items()} == {
        "built": "built",
        "tower": "tower",
    }
    assert [match.score for match in explanation.matches] == pytest.approx([1.0, 1.0])


def test_what_has_no_words_is_not_explained(ranker: KnrmRanker) -> None:
    assert ranker.explain(QUESTIONS, [[HITS[0][4]], HITS[1]]) == [[], []]


def test_cost_by_hand(ranker: KnrmRanker) -> None:
    """Question words: built, tower. Passage 2: river, city, a, river, flows, through, city."""
    cost = ranker.cost(QUESTIONS[0], [HITS[0][1]])
    assert cost.gflop == pytest.approx((2 * 2 * 7 * 8 + 11 * (5 * 2 * 7 + 2 * 2 + 2)) / 1e9)
    words = ranker._model.words.size
    assert cost.parameters == words * 8 + 11 + 1
