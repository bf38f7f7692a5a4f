"""A reader without retriever: scored, compared, saved and shown as other pipelines are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.data.corpus import Corpus
from odqa.data.predictions import write_squad
from odqa.errors import RunError
from odqa.execution.executor import Executor
from odqa.report.page import render_page
from odqa.report.terminal.render import render
from odqa.spec.pipeline import PipelineSpec, parse_pipeline
from odqa.testing.tiny_retro import tiny_retro
from odqa.testing.toys import toy_dataset
from odqa.tracking.spans import TraceBuilder
from odqa.tracking.values import pipeline_metrics

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def alone(tmp_path: Path) -> PipelineSpec:
    """Right for the first question, wrong for the second, silent for the third."""
    write_squad(tmp_path / "said.json", {"q1": "the Seine", "q2": "Seine", "q3": ""})
    path = tmp_path / "said.json"
    return parse_pipeline(
        f"{{name: alone, retriever: null, reader: {{type: predictions, path: '{path}'}}}}"
    )


def whole() -> PipelineSpec:
    return parse_pipeline(
        "{name: whole, retriever: {type: overlap, k: 2}, reader: {type: first_word}}"
    )


def test_it_needs_no_corpus(alone: PipelineSpec, tmp_path: Path) -> None:
    data = replace(toy_dataset(), corpus=Corpus.empty(), qrels=None)
    found = run_comparison([alone], data, Cache(enabled=False), latency=2)
    assert found.values("alone", "em") == {"q1": 1.0, "q2": 0.0, "q3": 0.0}
    assert found.values("alone", "answered") == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    assert found.lost_counts("alone") == {"predictions": 2}
    assert not any("retrieved" in metric or "ranked" in metric for _, metric in found.by_question)
    save(found, tmp_path / "run")
    again = Comparison.load(tmp_path / "run")
    assert again == found
    assert again.result("alone").retrieved == again.result("alone").ranked == {}
    for shown in (render_page(again), render(again), str(again.trace("q2"))):
        assert "alone" in shown
    assert again.trace("q2").pipelines[0].outcome_text == "reader miss: predictions"
    with pytest.raises(RunError, match="pipeline 'whole' retrieves, and there is no corpus"):
        run_comparison([alone, whole()], data, Cache(enabled=False))


def test_it_is_compared_with_pipelines_that_retrieve(alone: PipelineSpec) -> None:
    found = run_comparison([alone, whole()], toy_dataset(), Cache(enabled=False))
    diff = found.diff("whole", "alone").set_index("question")
    assert dict(diff["lost by"]) == {"q2": "predictions"}
    assert dict(diff["stage"]) == {"q2": "reader"}
    assert found.tests().set_index("metric").loc["em", "wins"] == 1
    assert "alone" in render_page(found) and "alone" in render(found)
    metrics = pipeline_metrics(found, "alone")
    assert metrics["lost/predictions"] == 2.0
    trace = TraceBuilder(found).build("alone", "q1")
    assert [(span.name, span.inputs["passages"]) for span in trace.stages] == [("read", [])]


def test_its_results_do_not_depend_on_the_corpus(alone: PipelineSpec) -> None:
    plans = [
        Executor(data, Cache(enabled=False)).plan([alone])
        for data in (toy_dataset(), replace(toy_dataset(), corpus=Corpus.empty()))
    ]
    assert plans[0].keys == plans[1].keys


def test_a_closed_book_answers_from_its_weights(tmp_path: Path) -> None:
    checkpoint = tiny_retro(tmp_path / "tiny")
    spec = parse_pipeline(
        f"{{name: closed, retriever: null, reader: {{type: retro, checkpoint: '{checkpoint}',"
        " layout: closed-book, max_answer_tokens: 3}}"
    )
    data = replace(toy_dataset(), corpus=Corpus.empty(), qrels=None)
    found = run_comparison([spec], data, Cache(tmp_path / "cache"), latency=1)
    answers = found.result("closed").answers
    assert answers is not None and list(answers) == ["q1", "q2", "q3"]
    assert all(answer.passage_id is None for answer in answers.values())
    # Other questions, other answers: the question is read.
    assert len({answer.score for answer in answers.values()}) == 3
