"""Every stage that gives passages is scored as a whole pipeline is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from odqa.comparison import score
from odqa.comparison.result import Comparison
from odqa.comparison.score import Scorer
from odqa.metrics.catalogue import describe, stage_of
from odqa.metrics.has_answer import AnswerFinder
from odqa.metrics.rows import MetricRow, judge_hits
from odqa.testing.toys import QRELS, QUESTIONS, toy_dataset
from odqa.types import Hit

STAGES = ("wide", "narrow", "blind", "both", "late", "cross")


def ids(comparison: Comparison, pipeline: str, stage: str) -> list[str]:
    """What a stage found, the passages of each question as one word."""
    hits = comparison.result(pipeline).hits_of(stage)
    return ["".join(hit.passage_id for hit in hits[question.id]) for question in QUESTIONS]


def test_stages_find_what_hand_counting_gives(composed: Comparison) -> None:
    assert {stage: ids(composed, "good", stage) for stage in STAGES} == {
        "wide": ["p3p2p1", "p2p3p1", "p1p2p3"],
        "narrow": ["p3", "p2", "p1"],
        "blind": ["p1p2", "p1p2", "p1p2"],
        "both": ["p1p3p2", "p2p1", "p1p2"],
        "late": ["p3p2", "p2p1", "p1p2"],
        "cross": ["p3", "p2", "p1"],
    }
    in_bad = ("wide", "narrow", "blind", "rrf", "late", "cross")
    assert {stage: ids(composed, "drops", stage) for stage in in_bad} == {
        "wide": ["p3p2p1", "p2p3p1", "p1p2p3"],
        **{stage: ["p1", "p1", "p1"] for stage in ("narrow", "cross")},
        **{stage: ["p1p2", "p1p2", "p1p2"] for stage in ("blind", "rrf", "late")},
    }


def test_rows_of_a_stage_are_what_hand_counting_gives(composed: Comparison) -> None:
    def mrr(pipeline: str, stage: str) -> list[float]:
        return list(composed.values(pipeline, f"{stage}/mrr@10").values())

    # p3 is relevant for the first question and p2 for the second.
    assert {stage: mrr("good", stage) for stage in STAGES} == {
        "wide": [1.0, 1.0],
        "narrow": [1.0, 1.0],
        "blind": [0.0, 0.5],
        "both": [0.5, 1.0],
        "late": [1.0, 1.0],
        "cross": [1.0, 1.0],
    }

    def held(stage: str) -> list[float]:
        return list(composed.values("drops", f"{stage}/oracle").values())

    assert {stage: held(stage) for stage in STAGES if stage != "both"} == {
        "wide": [1.0, 1.0, 0.0],
        "narrow": [0.0, 0.0, 0.0],
        "blind": [0.0, 1.0, 0.0],
        "late": [0.0, 1.0, 0.0],
        "cross": [0.0, 0.0, 0.0],
    }


@pytest.mark.parametrize("pipeline", ["plain", "good", "drops"])
def test_rows_of_every_stage_are_those_of_its_hits(composed: Comparison, pipeline: str) -> None:
    result = composed.result(pipeline)
    finder = AnswerFinder(toy_dataset().corpus, "tokens")
    for node in result.spec.graph.with_hits:
        alone = judge_hits(QUESTIONS, result.hits_of(node.id), finder, QRELS, depth=node.stage.k)
        expected = {
            MetricRow(pipeline, question, f"{node.id}/{name}", value)
            for question, values in alone.items()
            for name, value in values.items()
        }
        rows = {row for row in composed.rows if row.pipeline == pipeline}
        assert {row for row in rows if stage_of(row.metric) == node.id} == expected
        assert expected


def test_slots_have_the_rows_of_the_stages_that_they_end_in(composed: Comparison) -> None:
    for slot, stage in (("retrieved", "both"), ("ranked", "cross")):
        of_slot, of_stage = (
            {
                (row.question_id, row.metric.removeprefix(prefix), row.value)
                for row in composed.rows
                if row.pipeline == "good" and row.metric.startswith(prefix)
            }
            for prefix in (f"{slot}_", f"{stage}/")
        )
        assert of_slot == of_stage != set()


def test_cuts_beyond_what_a_stage_gives_are_left_out(composed: Comparison) -> None:
    def cuts(pipeline: str, stage: str) -> set[str]:
        names = {metric for name, metric in composed.by_question if name == pipeline}
        return {name.partition("@")[2] for name in names if name.startswith(f"{stage}/recall@")}

    assert cuts("good", "narrow") == {"1"}
    assert cuts("good", "both") == {"1"}  # three passages
    assert cuts("drops", "rrf") == {"1", "5", "20", "100"}


def test_all_metrics_of_stages_have_a_meaning(composed: Comparison) -> None:
    names = {metric for _, metric in composed.by_question if stage_of(metric)}
    assert all("of this stage" in describe(name).meaning for name in names)
    assert len(names) > 50


def test_hits_that_pipelines_share_are_judged_once(
    composed: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int] = []
    original = score.judge_hits

    def noting(questions, hits, *args, **named):  # type: ignore[no-untyped-def]
        judged.append(id(hits))
        return original(questions, hits, *args, **named)

    monkeypatch.setattr(score, "judge_hits", noting)
    scorer = Scorer(toy_dataset())
    rows = [row for result in composed.pipelines.values() for row in scorer.rows(result)]
    assert tuple(rows) == composed.rows
    # 1 + 6 + 6 stages with hits; the plain retriever is the first stage of the bad composition.
    hits = {
        id(result.hits_of(node.id))
        for result in composed.pipelines.values()
        for node in result.spec.graph.with_hits
    }
    assert len(judged) == len(set(judged)) == len(hits) == 12


def test_equal_numbers_of_other_hits_are_not_taken_for_them(composed: Comparison) -> None:
    """Hits are told apart by identity, and one that is gone must not lend its own to another."""
    scorer = Scorer(toy_dataset())
    result = composed.result("plain")
    for passage in ("p1", "p2", "p3") * 20:
        hits = {question.id: [Hit(passage, 1.0)] for question in QUESTIONS}
        changed = replace(result, retrieved=hits, ranked=hits, answers=None)
        found = {
            row.question_id: row.value
            for row in scorer.rows(changed)
            if row.metric == "overlap/mrr@10"
        }
        assert found == {"q1": float(passage == "p3"), "q2": float(passage == "p2")}
