from __future__ import annotations

import pytest

from odqa.errors import RunError
from odqa.metrics.catalogue import CATALOGUE, describe, in_order


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
    "name", ["exact", "em@5", "ranked_recall@k", "ranked_recall@0", "recall@5"]
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
