from __future__ import annotations

from dataclasses import replace

import pytest

from odqa.cache import Cache
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.data.questions import QuestionSet
from odqa.errors import DataError
from odqa.regression.reproduce import (
    answer_changes,
    check_unchanged,
    environment_changes,
    hits_changes,
    metric_changes,
    run_again,
)
from odqa.regression.reproduce_text import reproduction_lines
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import QUESTIONS, toy_components, toy_dataset
from odqa.types import Answer, Hit

with toy_components():
    SPEC = parse_pipeline(
        "{name: good, retriever: {type: overlap, k: 3}, ranker: {type: overlap, k: 2},"
        " reader: {type: first_word}}"
    )

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def before(toys: None) -> Comparison:
    return run_comparison([SPEC], toy_dataset(), Cache(enabled=False), latency=1)


def test_the_same_run_again_is_the_same(before: Comparison) -> None:
    after = run_again(before, toy_dataset(), Cache(enabled=False))
    assert metric_changes(before, after) == []
    assert hits_changes(before, after) == [] and answer_changes(before, after) == {}
    assert after.result("good").latency is not None
    assert reproduction_lines(before, after) == [
        f"reproduced: all {len(before.rows)} per-question rows are the same",
        "same code, packages and machine",
    ]


def test_a_changed_row_is_named_with_its_size(before: Comparison) -> None:
    rows = [
        replace(row, value=0.25) if (row.metric, row.question_id) == ("f1", "q1") else row
        for row in before.rows
    ]
    after = replace(before, rows=tuple(rows))
    (change,) = metric_changes(before, after)
    assert (change.pipeline, change.metric, change.largest) == ("good", "f1", 0.75)
    assert dict(change.changed) == {"q1": (1.0, 0.25)}
    first, second, *_ = reproduction_lines(before, after)
    assert first == f"not reproduced: 1 of {len(rows)} per-question rows differ"
    # f1 is 1, 1 and 0 before; 0.25, 1 and 0 after.
    assert second == (
        "good f1: 0.6667 -> 0.4167 (-0.2500), 1 of 3 questions, by at most 0.75: q1 1 -> 0.25"
    )


def test_a_row_that_is_gone_is_a_change(before: Comparison) -> None:
    rows = [r for r in before.rows if (r.metric, r.question_id) != ("em", "q3")]
    (change,) = metric_changes(before, replace(before, rows=tuple(rows)))
    assert dict(change.changed) == {"q3": (0.0, None)}


def test_changes_beneath_the_metrics_are_told(before: Comparison) -> None:
    result = before.result("good")
    (first, second), *_ = result.ranked.values()
    ranked = {**result.ranked, "q1": [Hit(second.passage_id, first.score + 0.5), second]}
    answers = {**(result.answers or {}), "q3": Answer("Marlowe", 1.0)}
    changed = replace(result, ranked=ranked, answers=answers)
    after = replace(before, pipelines={"good": changed})
    lines = reproduction_lines(before, after)
    assert lines[0].startswith("reproduced: all")
    assert any(
        line.startswith("good ranked: other passages or another order on 1") for line in lines
    )
    assert "good: other answers to 1 of 3 questions" in lines


def test_what_differs_of_the_environment_is_told() -> None:
    old = {
        "settings": {},
        "python": "3.11.1",
        "machine": {"cores": 2, "processor": "A"},
        "versions": {"torch": "2.6", "numpy": "2.0"},
        "seconds": 1,
    }
    new = {**old, "machine": {"cores": 2, "processor": "B"}, "seconds": 2}
    new["versions"] = {"torch": "2.7", "numpy": "2.0", "scipy": "1.13"}
    assert environment_changes(old, new) == [
        ("machine.processor", "A", "B"),
        ("versions.torch", "2.6", "2.7"),
        ("versions.scipy", None, "1.13"),
    ]
    # Of checkpoints that changed, where the run's folder names their contents.
    sources = {"embedded:colbert": {"content": "a1"}, "embedded:reader": {"content": "c3"}}
    then = {**new, "sources": sources}
    now = {**new, "sources": {**sources, "embedded:colbert": {"content": "b2"}}}
    assert environment_changes(then, now) == [("sources.embedded:colbert.content", "a1", "b2")]
    assert environment_changes(new, now) == []
    # A folder of an earlier version lists a few packages only.
    del old["settings"]
    assert ("versions.scipy", None, "1.13") not in environment_changes(old, new)


def test_changed_data_are_refused_with_the_part_that_changed(before: Comparison) -> None:
    entry = before.manifest["dataset"]
    assert check_unchanged(toy_dataset(), entry, "here").digest == entry["digest"]
    other = replace(toy_dataset(), questions=QuestionSet("toy", QUESTIONS[:2]))
    with pytest.raises(
        DataError, match=r"here: questions changed since the run: digest .* 2 quest"
    ):
        check_unchanged(other, entry, "here")
    without_qrels = replace(toy_dataset(), qrels=None)
    with pytest.raises(DataError, match="here: qrels changed"):
        check_unchanged(without_qrels, entry, "here")
