from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.comparison.verdict import verdict
from odqa.data.questions import QuestionSet
from odqa.errors import RunError
from odqa.metrics.catalogue import CATALOGUE, stage_of
from odqa.report.sections.quality import metrics_table
from odqa.report.terminal.render import render
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import toy_components, toy_dataset
from odqa.types import Question

with toy_components():
    GOOD = parse_pipeline(
        "{name: good, retriever: {type: overlap, k: 3}, ranker: {type: overlap, k: 2},"
        " reader: {type: first_word}}"
    )
    # Weight 0 makes every score equal: passages stay in corpus order.
    BLIND = parse_pipeline(
        "{name: blind, retriever: {type: overlap, k: 3, weight: 0}, reader: {type: first_word}}"
    )

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def result(toys: None) -> Comparison:
    return run_comparison([BLIND, GOOD], toy_dataset(), Cache(enabled=False), latency=2)


def test_rows_are_what_hand_counting_gives(result: Comparison) -> None:
    assert result.values("good", "em") == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    assert result.values("blind", "em") == {"q1": 0.0, "q2": 0.0, "q3": 0.0}
    # blind keeps corpus order p1 p2 p3: the gold passages stand at ranks 3 and 2.
    assert result.values("blind", "ranked_mrr@10") == {"q1": pytest.approx(1 / 3), "q2": 0.5}
    assert result.values("good", "ranked_mrr@10") == {"q1": 1.0, "q2": 1.0}


def test_a_question_without_answer_stays_in(result: Comparison) -> None:
    assert set(result.values("good", "em")) == {"q1", "q2", "q3"}
    assert result.summaries["good", "em"].questions == 3


def test_table_has_quality_tests_and_costs(result: Comparison) -> None:
    table = result.table()
    assert table.loc["good", "em"].startswith("0.667 [")
    assert table.loc["blind", "p(em)"] == "baseline"
    assert {"offline s", "online ms", "p50 ms", "stored MB", "device"} <= set(table.columns)


def test_verdict_names_the_best_with_its_interval(result: Comparison) -> None:
    line = verdict(result)
    assert line.startswith("good has the highest em, 0.667, against 0.000 of the baseline blind")
    assert "3 questions" in line and "p = " in line
    assert line in render(result)


def test_diff_says_which_stage_lost_each(result: Comparison) -> None:
    diff = result.diff("good", "blind")
    assert list(diff["question"]) == ["q1", "q2"]
    assert set(diff["winner"]) == {"good"}
    assert list(diff["outcome blind"]) == ["reader miss", "reader miss"]
    assert list(diff["change"]) == ["fixed", "fixed"]
    assert set(result.diff("blind", "good")["change"]) == {"broken"}
    assert list(diff["stage"]) == ["reader", "reader"]


def test_diff_by_a_ranking_names_the_stage_that_lowered_it() -> None:
    # The ranker gives every passage one score, so that ties fall back to another order.
    ruins = parse_pipeline(
        "{name: ruins, retriever: {type: overlap, k: 3}, ranker: {type: overlap, k: 3, weight: 0},"
        " reader: {type: first_word}}"
    )
    result = run_comparison([GOOD, ruins, BLIND], toy_dataset(), Cache(enabled=False))
    worse = result.diff("good", "ruins", "ranked_mrr@10")
    assert list(worse["question"]) == ["q1", "q2"]
    assert set(worse["stage"]) == {"ranker"} and set(worse["lost by"]) == {"overlap-ranker"}
    # Nothing of the answers is mixed in.
    assert set(worse["change"]) == set(worse["outcome ruins"]) == {""}
    blind = result.diff("blind", "good", "ranked_mrr@10")
    assert set(blind["stage"]) == {"retriever"} and set(blind["lost by"]) == {"overlap"}
    retrieved = result.diff("good", "blind", "retrieved_mrr@10")
    assert set(retrieved["lost by"]) == {"overlap"}


def test_trace_joins_ranks_before_and_after(result: Comparison) -> None:
    trace = result.trace("q1")
    good = next(p for p in trace.pipelines if p.pipeline == "good")
    assert good.hits[0].passage.id == "p3"
    assert (good.hits[0].retrieved_rank, good.hits[0].ranked_rank) == (1, 1)
    assert good.hits[0].relevant and good.outcome == "answered"
    assert "Seine" in str(trace) and "Seine" in trace._repr_html_()


def test_latency_is_over_distinct_questions(result: Comparison) -> None:
    latency = result.result("good").latency
    assert latency is not None
    assert len(set(latency.questions)) == len(latency.questions)
    assert len(latency.total()) == len(latency.questions)


def test_run_folders_come_back_equal(result: Comparison, tmp_path: Path) -> None:
    save(result, tmp_path / "run")
    again = Comparison.load(tmp_path / "run")
    assert again.rows == result.rows
    assert again.questions == result.questions
    assert again.qrels == result.qrels
    assert again.passages == result.passages
    for name, before in result.pipelines.items():
        assert again.pipelines[name] == before
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["specs"]["good"] == GOOD.hash
    assert manifest["dataset"]["digest"] == toy_dataset().digest


def test_an_unfinished_folder_is_refused(result: Comparison, tmp_path: Path) -> None:
    save(result, tmp_path / "run")
    (tmp_path / "run" / "manifest.json").unlink()
    with pytest.raises(RunError, match="an unfinished run"):
        Comparison.load(tmp_path / "run")
    with pytest.raises(RunError, match="no run folder"):
        Comparison.load(tmp_path / "nothing")


def test_a_damaged_folder_is_one_line(result: Comparison, tmp_path: Path) -> None:
    save(result, tmp_path / "run")
    (tmp_path / "run" / "metrics.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match="damaged run folder"):
        Comparison.load(tmp_path / "run")


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda r: r.trace("q9"), "no question 'q9'.*known: q1, q2, q3"),
        (lambda r: r.diff("good", "bad"), "no pipeline 'bad'.*known: blind, good"),
        (lambda r: r.values("good", "f2"), "good: no metric 'f2'; known: answer_length"),
    ],
)
def test_wrong_names_are_one_line(result: Comparison, call, line: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RunError, match=line):
        call(result)


def test_an_unknown_baseline_is_refused() -> None:
    with pytest.raises(RunError, match="no pipeline 'goood'; did you mean 'good'"):
        run_comparison([GOOD], toy_dataset(), Cache(enabled=False), baseline="goood")


def test_every_metric_of_the_catalogue_is_measured_and_reaches_the_report(
    result: Comparison,
) -> None:
    slots = {metric for _, metric in result.by_question if not stage_of(metric)}
    chosen = ["contains", "token_recall", "equivalent", "P@5", "RR", "nDCG", "AP@5"]
    # Questions that name their supporting pages have metrics of their own.
    toys = toy_dataset()
    hops = tuple(replace(question, supporting=("A", "B")) for question in toys.questions)
    data = replace(toys, questions=QuestionSet("hops", hops))
    with_chosen = run_comparison([GOOD], data, Cache(enabled=False), metrics=chosen)
    all_slots = {metric for _, metric in with_chosen.by_question if not stage_of(metric)}
    assert slots < all_slots
    cut = {re.sub(r"@(1|5|10|20|100)$", "@k", metric) for metric in all_slots}
    # The verdicts of a judge need one.
    assert cut | {"judge"} == {metric.name for metric in CATALOGUE}
    reported = {row[0].text for row in metrics_table(result).rows}
    assert reported == slots
    assert "ranked_map" in reported
    assert {"retrieved_oracle", "ranked_oracle"} <= set(result.table().columns)


def test_regular_expressions_judge_passages_and_answers(toys: None, tmp_path: Path) -> None:
    questions = QuestionSet("q", (Question("q1", "which river flows through Paris", ("S.?ine",)),))
    data = replace(toy_dataset(), questions=questions, qrels=None, matching="regex")
    comparison = run_comparison([GOOD], data, Cache(enabled=False))
    save(comparison, tmp_path)
    comparison = Comparison.load(tmp_path)
    assert comparison.values("good", "em") == {"q1": 1.0}
    assert comparison.values("good", "ranked_has_answer@1") == {"q1": 1.0}
    assert comparison.trace("q1").pipelines[0].hits[0].holds_answer


def test_a_table_names_the_stages_of_a_composition_by_their_ids(toys: None) -> None:
    fused = parse_pipeline(
        "{name: fused, retriever: {fuse: [{type: overlap, k: 3}, {type: overlap, id: other}]},"
        " reader: {type: first_word}}"
    )
    table = run_comparison([GOOD, fused], toy_dataset(), Cache(enabled=False)).table()
    assert table.loc["good", "offline"].startswith("retriever: ")
    named = [part.split(": ")[0] for part in table.loc["fused", "offline"].split("; ")]
    assert named == ["overlap", "other", "rrf", "first_word"]
