from __future__ import annotations

import pytest

from odqa.errors import RunError
from odqa.metrics.catalogue import CATALOGUE, describe, in_order, stage_of


def test_every_metric_has_one_line_and_a_unique_name() -> None:
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)
    for metric in CATALOGUE:
        assert metric.meaning.endswith(".")
        assert "\n" not in metric.meaning


def test_cut_is_filled_in() -> None:
    metric = describe("ranked_recall@20")
    assert metric.name == "ranked_recall@20"
    assert "first 20 passages after ranking" in metric.meaning


@pytest.mark.parametrize(
    "name",
    [
        *("exact", "em@5", "ranked_recall@k", "ranked_recall@0", "recall@5"),
        *("bm25/em", "bm25/ranked_map", "bm25/recall@k", "bm25/recall", "bm25/oracle@5", "/map@3"),
    ],
)
def test_unknown_name(name: str) -> None:
    with pytest.raises(RunError, match=f"unknown metric '{name}'"):
        describe(name)


def test_order_follows_the_way_of_the_data_and_the_cut() -> None:
    names = [
        "ranked_recall@20",
        "x",
        "ranked_recall@5",
        "em",
        "ranked_recall@100",
        "em",
        "ranked_map",
    ]
    assert in_order(names) == [
        *("em", "ranked_recall@5", "ranked_recall@20", "ranked_recall@100", "ranked_map", "x")
    ]


def test_metrics_of_a_stage_stand_behind_its_id() -> None:
    metric = describe("colbert-2/recall@20")
    assert metric.name == "colbert-2/recall@20"
    assert metric.meaning == (
        "Share of the relevant passages (qrels) among the first 20 passages of this stage."
    )
    assert describe("bm25/mrr@10").meaning == (
        "1 / rank of the first relevant of the passages of this stage, 0 beyond rank 10."
    )
    assert stage_of("colbert-2/recall@20") == "colbert-2"
    assert stage_of("ranked_recall@20") == stage_of("em") == ""


def test_metrics_of_stages_stand_behind_the_others_stage_by_stage() -> None:
    names = ["late/map", "bm25/mrr@10", "late/recall@20", "late/recall@5", "em", "bm25/oracle"]
    names += ["ranked_map", "late/own"]
    assert in_order(names) == [
        *("em", "ranked_map", "bm25/oracle", "bm25/mrr@10"),
        *("late/recall@5", "late/recall@20", "late/map", "late/own"),
    ]
