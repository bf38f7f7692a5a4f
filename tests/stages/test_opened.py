"""A component by itself: opened on a corpus, asked one question or several."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.errors import ComponentError, DataError
from odqa.stages import Part, stage
from odqa.testing.toys import PASSAGES, QUESTIONS, toy_dataset
from odqa.types import Hit

pytestmark = pytest.mark.usefixtures("toys")


def overlap(**parameters: object) -> Part:
    return stage("retriever", "overlap", **parameters)


def test_search_one_and_many(tmp_path: Path) -> None:
    with overlap(k=2).open(toy_dataset().corpus, Cache(tmp_path)) as opened:
        passages = opened.search(QUESTIONS[0].text)
        assert [item.passage.id for item in passages] == ["p3", "p2"]
        assert passages[0].passage.title == "Seine" and passages.hits[0] == Hit("p3", 3.0)
        many = opened.search([question.query for question in QUESTIONS])
        assert [len(result) for result in many] == [2, 2, 2]
        assert many[0] == passages
        assert opened.search(QUESTIONS[0].text, k=1)[0] == passages[0]
        assert list(passages.frame().columns) == ["rank", "score", "id", "title", "text"]
        assert "Seine" in passages._repr_html_() and "p3" in str(passages)
        assert ">was<" not in passages._repr_html_()
        assert "over toy (4 passages)" in opened._repr_html_()


def test_texts_are_a_corpus() -> None:
    opened = overlap().open(["the Seine flows", "Rome lies on the Tiber"], Cache(enabled=False))
    assert opened.search("where is the Seine")[0].passage.text == "the Seine flows"
    assert opened.search("Tiber")[0].passage.id == "2"


def test_rank_takes_ids_passages_and_results(tmp_path: Path) -> None:
    cache, corpus = Cache(tmp_path), toy_dataset().corpus
    retrieved = overlap(k=3).open(corpus, cache).search(QUESTIONS[0].text)
    ranker = stage("ranker", "overlap", k=2).open(corpus, cache)
    expected = ranker.rank(QUESTIONS[0].text, retrieved)
    assert [item.passage.id for item in expected] == ["p3", "p2"]
    assert ranker.rank(QUESTIONS[0], ["p1", "p2", "p3"]) == expected
    assert ranker.rank([QUESTIONS[0]], [PASSAGES[:3]]) == [expected]
    assert [item.passage.id for item in ranker.rank(QUESTIONS[0])] == ["p3", "p2"]
    with pytest.raises(DataError, match="no passage 'p9'"):
        ranker.rank("x", ["p9"])
    with pytest.raises(ComponentError, match="passages for 1 of 2 questions"):
        ranker.rank(["x", "y"], [["p1"]])
    with pytest.raises(ComponentError, match="no retriever here"):
        ranker.search("x")


def test_ranked_passages_say_where_they_were(tmp_path: Path) -> None:
    cache, corpus = Cache(tmp_path), toy_dataset().corpus
    ranker = stage("ranker", "overlap", k=2)
    given = ranker.open(corpus, cache).rank(QUESTIONS[0], ["p1", "p2", "p3"])
    assert [(item.passage.id, item.was) for item in given] == [("p3", 3), ("p2", 2)]
    assert list(given.frame().columns) == ["rank", "was", "score", "id", "title", "text"]
    assert list(given.frame()["was"]) == [3, 2]
    assert ">was<" in given._repr_html_()
    whole = (overlap(k=3, weight=0) >> ranker).open(corpus, cache)
    assert [item.was for item in whole.search(QUESTIONS[0])] == [3, 2]
    assert {item.was for item in ranker.open(corpus, cache).rank(QUESTIONS[0])} == {None}
    with pytest.raises(ComponentError, match="a retriever searches the corpus whatever"):
        whole.rank(QUESTIONS[0], ["p1"])


def test_incoming_scores_are_added_here_too(tmp_path: Path) -> None:
    ranker = stage("ranker", "overlap", alpha=10.0).open(toy_dataset().corpus, Cache(tmp_path))
    best = ranker.rank(QUESTIONS[0], [Hit("p1", 5.0), Hit("p3", 1.0)])
    assert [(item.passage.id, round(item.score, 3)) for item in best] == [
        ("p1", 50.111),
        ("p3", 10.5),
    ]


def test_read_and_answer(tmp_path: Path) -> None:
    cache, corpus = Cache(tmp_path), toy_dataset().corpus
    reader = stage("reader", "first_word")
    assert reader.open(corpus, cache).read("which river", ["p3", "p1"]).text == "Seine"
    assert [a.text for a in reader.open(corpus, cache).read(["x"], [["p2"]])] == ["Thames"]
    pipeline = (overlap(k=2) >> reader).open(corpus, cache)
    assert pipeline.answer(QUESTIONS[0].text).text == "Seine"
    assert [answer.text for answer in pipeline.answer(list(QUESTIONS[:2]))] == ["Seine", "Thames"]
    assert "over toy (4 passages)" in str(pipeline)
