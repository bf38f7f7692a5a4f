from __future__ import annotations

from dataclasses import replace

import pytest

from odqa.cache import Cache
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.comparison.verdict import verdict
from odqa.data.dataset import Dataset
from odqa.data.questions import QuestionSet
from odqa.errors import RunError
from odqa.report.terminal.render import render
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.synthetic import synthetic_comparison
from odqa.testing.toys import QUESTIONS, toy_components, toy_dataset

with toy_components():
    ONE = parse_pipeline(
        "{name: one, retriever: {type: overlap, k: 3}, reader: {type: first_word}}"
    )
    TWO = replace(ONE, name="two")
    FINDS = replace(ONE, name="finds", reader=None)

pytestmark = pytest.mark.usefixtures("toys")


def comparison_of(*specs: object, data: Dataset | None = None) -> Comparison:
    return run_comparison(specs, data or toy_dataset(), Cache(enabled=False), latency=1)  # type: ignore[arg-type]


def questions(*chosen: object) -> QuestionSet:
    return QuestionSet("toy", tuple(chosen))  # type: ignore[arg-type]


def test_a_tie_is_called_a_tie() -> None:
    result = comparison_of(ONE, TWO)
    assert verdict(result) == "one and two have the same em, 0.667, on 3 questions."
    assert list(result.diff("one", "two")["question"]) == []


def test_a_tie_at_the_top_is_held_against_the_baseline() -> None:
    # Without weight every passage scores alike, and all questions get the first of the corpus.
    worst = parse_pipeline(
        "{name: worst, retriever: {type: overlap, k: 1, weight: 0.0}, reader: {type: first_word}}"
    )
    third = replace(ONE, name="three")
    # McNemar's mid-p of two wins and no loss is 0.25; Holm over three.
    assert verdict(comparison_of(worst, ONE, TWO, third)) == (
        "one, two and three share the highest em, 0.667, against 0.000 of the baseline worst: "
        "difference +0.667 [+0.000, +1.000], p = 0.75 (McNemar mid-p, Holm), which may be chance, "
        "on 3 questions."
    )


def test_one_pipeline_is_not_called_the_best() -> None:
    result = comparison_of(ONE)
    assert verdict(result) == "one has em 0.667 on 3 questions."
    assert "one" in render(result)


def test_the_verdict_counts_the_questions_it_rests_on() -> None:
    # Only two of the three questions have judged passages.
    assert verdict(comparison_of(FINDS)) == "finds has ranked_mrr@10 1.000 on 2 questions."


def test_one_question_is_enough() -> None:
    data = replace(toy_dataset(), questions=questions(QUESTIONS[0]), qrels=None)
    result = comparison_of(ONE, FINDS, data=data)
    assert verdict(result) == "one has em 1.000 on 1 questions."
    assert "finds" in render(result) and "finds" in str(result.trace("q1"))


def test_questions_without_answers_are_scored_by_qrels() -> None:
    bare = questions(*(replace(question, answers=()) for question in QUESTIONS))
    result = comparison_of(ONE, FINDS, data=replace(toy_dataset(), questions=bare))
    assert verdict(result) == "one and finds have the same ranked_mrr@10, 1.000, on 2 questions."
    assert "em" not in result.table().columns
    assert "(none given)" in str(result.trace("q1")) and result.trace("q3")._repr_html_()
    assert result.diff("one", "finds", "ranked_mrr@10").empty
    with pytest.raises(RunError, match="no metric 'em'"):
        result.diff("one", "finds")


def test_without_answers_and_qrels_nothing_is_claimed() -> None:
    bare = questions(*(replace(question, answers=()) for question in QUESTIONS))
    result = comparison_of(ONE, TWO, data=replace(toy_dataset(), questions=bare, qrels=None))
    assert verdict(result).startswith("Nothing could be scored")
    assert "off s" in render(result)


def test_two_pipelines_of_one_name_are_refused() -> None:
    with pytest.raises(RunError, match="two pipelines are named 'one'"):
        comparison_of(ONE, ONE)


def test_shared_stages_are_counted() -> None:
    comparison = synthetic_comparison(3, 2)
    assert "equal ones are shared" not in render(comparison)
    counts = {**comparison.manifest, "stages": {"of pipelines": 5, "run": 3}}
    shared = replace(comparison, manifest=counts)
    assert "3 stages ran for the 5 of all pipelines: equal ones are shared" in render(shared)
