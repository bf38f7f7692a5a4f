from __future__ import annotations

import pytest

from odqa.cache import Cache
from odqa.errors import ComponentError
from odqa.execution.pipeline import Pipeline
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import QUESTIONS, toy_dataset
from odqa.testing.word_overlap import FirstWordReader
from odqa.types import Answer

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
    assert list(output.seconds) == ["overlap-retriever", "overlap-ranker", "first_word"]
    assert all(spent >= 0 for spent in output.seconds.values())


def test_without_ranker_the_ranking_is_the_retrieval() -> None:
    output = prepared("{name: x, retriever: {type: overlap, k: 2}}").run(QUESTIONS)
    assert output.ranked == output.retrieved
    assert output.answers is None


def test_no_questions() -> None:
    output = prepared("{name: x, retriever: {type: overlap}, reader: {type: first_word}}").run([])
    assert (output.retrieved, output.ranked, output.answers) == ([], [], [])


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ([Answer("x", 1.0)], "returned 1 answers for 3 questions"),
        ([Answer("x", float("nan"))] * 3, "a score that is no finite number"),
        ([Answer("x", 1.0, "p9")] * 3, "took its answer from a passage it was not given"),
    ],
)
def test_a_reader_that_breaks_its_contract_is_named(
    monkeypatch: pytest.MonkeyPatch, answers: list[Answer], complaint: str
) -> None:
    monkeypatch.setattr(FirstWordReader, "read", lambda *a: answers)
    pipeline = prepared("{name: x, retriever: {type: overlap}, reader: {type: first_word}}")
    with pytest.raises(ComponentError, match=f"reader 'first_word' broke its.*{complaint}"):
        pipeline.run(QUESTIONS)
