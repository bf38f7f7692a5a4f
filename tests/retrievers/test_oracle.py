from __future__ import annotations

from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.errors import ComponentError
from odqa.retrievers.oracle import OracleConfig, OracleRetriever, cache_gold
from odqa.testing.conformance import check_retriever
from odqa.testing.toys import QUESTIONS, toy_dataset
from odqa.types import Hit

QRELS = {"q1": {"p4": 1, "p1": 2, "p2": 0, "p3": 1}, "q2": {"p2": 0}}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def prepared(gold: str, cache: Cache) -> OracleRetriever:
    retriever = OracleRetriever(OracleConfig(gold=gold))
    retriever.prepare(toy_dataset().corpus, cache)
    return retriever


def test_relevant_passages_come_by_grade_then_in_corpus_order(cache: Cache) -> None:
    retriever = prepared(cache_gold(QRELS, cache), cache)
    hits = retriever.retrieve(QUESTIONS, 5)
    assert hits == [[Hit("p1", 2.0), Hit("p3", 1.0), Hit("p4", 1.0)], [], []]
    assert retriever.retrieve(QUESTIONS[:1], 2) == [hits[0][:2]]
    assert retriever.describe() == {"questions with gold passages": "1"}
    check_retriever(retriever, QUESTIONS, 4)


def test_the_digest_is_of_the_relevant_passages(cache: Cache) -> None:
    assert cache_gold(QRELS, cache) == cache_gold(QRELS | {"q2": {"p1": 0}}, cache)
    assert cache_gold(QRELS, cache) != cache_gold(QRELS | {"q2": {"p1": 1}}, cache)


def test_unknown_gold_is_refused_and_leaves_nothing(cache: Cache) -> None:
    for gold in ("", "another"):
        with pytest.raises(ComponentError, match="run it with odqa compare, on data with qrels"):
            prepared(gold, cache)
    assert not [path for path in (cache.root / "oracle").iterdir() if path.is_dir()]


def test_gold_that_the_corpus_lacks_cannot_be_retrieved(cache: Cache) -> None:
    retriever = prepared(cache_gold({"q1": {"p9": 2, "p4": 1}, "q2": {"p9": 1}}, cache), cache)
    assert retriever.retrieve(QUESTIONS, 5) == [[Hit("p4", 1.0)], [], []]
