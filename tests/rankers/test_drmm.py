from __future__ import annotations

from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.rankers.drmm import DrmmConfig, DrmmRanker
from odqa.testing.conformance import check_ranker
from odqa.testing.tiny_word_models import tiny_drmm
from odqa.types import Hit, Passage, Question

PASSAGES = [
    Passage("1", "the tower of the old king was built in the north", "tower"),
    Passage("2", "a river flows through the city", "river city"),
    Passage("3", "which poem is the last", ""),
    Passage("4", "!", ""),
]
QUESTIONS = [Question("a", "who built the tower"), Question("b", "?")]
HITS = [[Hit(p.id, -float(n)) for n, p in enumerate(PASSAGES)] for _ in QUESTIONS]


@pytest.fixture
def ranker(tmp_path: Path) -> DrmmRanker:
    folder = tiny_drmm(tmp_path / "tiny", stop_words=("the", "who"))
    ranker = DrmmRanker(DrmmConfig(checkpoint=str(folder), batch_size=2))
    ranker.prepare(Corpus.from_passages(PASSAGES), Cache(tmp_path / "cache"))
    return ranker


def test_conforms(ranker: DrmmRanker) -> None:
    check_ranker(ranker, QUESTIONS, HITS)


def test_a_question_without_words_keeps_the_order(ranker: DrmmRanker) -> None:
    assert [hit.passage_id for hit in ranker.rank(QUESTIONS[1:], HITS[1:], 4)[0]] == list("1234")


def test_cost_by_hand(ranker: DrmmRanker) -> None:
    """Question words: built, tower. Passage 2: river, city, a, river, flows, through, city."""
    cost = ranker.cost(QUESTIONS[0], [HITS[0][1]])
    assert cost.gflop == pytest.approx((2 * 2 * 7 * 8 + 2 * 2 * (30 * 5 + 5)) / 1e9)


def test_says_what_it_is(ranker: DrmmRanker) -> None:
    assert ranker.describe()["bins"] == "30"
    assert ranker.describe()["vectors"].endswith("words × 8")
