from __future__ import annotations

import pytest

from odqa.cache import Cache
from odqa.pipeline import Pipeline
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import QUESTIONS, toy_dataset

pytestmark = pytest.mark.usefixtures("toys")


def prepared(text: str) -> Pipeline:
    pipeline = Pipeline.from_spec(parse_pipeline(text))
    pipeline.prepare(toy_dataset().corpus, Cache(enabled=False))
    return pipeline


def test_all_three_stages_in_order() -> None:
    pipeline = prepared(
        "{name: x, retriever: {type: overlap, k: 3}, ranker: {type: overlap, k: 2},"
        " reader: {type: first_word}}"
    )
    output = pipeline.run(QUESTIONS)
    assert [len(hits) for hits in output.retrieved] == [3, 3, 3]
    assert [len(hits) for hits in output.ranked] == [2, 2, 2]
    assert output.answers is not None
    assert [answer.text for answer in output.answers][:2] == ["Seine", "Thames"]
    assert list(output.seconds) == ["retriever", "ranker", "reader"]
    assert all(spent >= 0 for spent in output.seconds.values())


def test_without_ranker_the_ranking_is_the_retrieval() -> None:
    output = prepared("{name: x, retriever: {type: overlap, k: 2}}").run(QUESTIONS)
    assert output.ranked == output.retrieved
    assert output.answers is None


def test_no_questions() -> None:
    output = prepared("{name: x, retriever: {type: overlap}, reader: {type: first_word}}").run([])
    assert (output.retrieved, output.ranked, output.answers) == ([], [], [])
