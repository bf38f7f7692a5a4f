"""Metrics that a benchmark or a user chooses: columns, tests and the verdict follow from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison import table
from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.errors import RunError
from odqa.report.sections.quality import quality_table
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import toy_components, toy_dataset

with toy_components():
    GOOD = parse_pipeline(
        "{name: good, retriever: {type: overlap, k: 3}, reader: {type: first_word}}"
    )
    BLIND = parse_pipeline(
        "{name: blind, retriever: {type: overlap, k: 3, weight: 0}, reader: {type: first_word}}"
    )

pytestmark = pytest.mark.usefixtures("toys")
CHOSEN = ["RR", "equivalent", "answer_length", "retrieved_P@2"]
COLUMNS = ("ranked_mrr", "equivalent", "answer_length", "retrieved_precision@2")


@pytest.fixture
def result(toys: None) -> Comparison:
    return run_comparison([BLIND, GOOD], toy_dataset(), Cache(enabled=False), metrics=CHOSEN)


def test_columns_tests_and_verdict_follow(result: Comparison, tmp_path: Path) -> None:
    save(result, tmp_path)
    for comparison in (result, Comparison.load(tmp_path)):
        assert comparison.metrics == COLUMNS
        assert table.headline_metrics(comparison) == list(COLUMNS)
        # Of a length, more is not better.
        tested = ["ranked_mrr", "equivalent", "retrieved_precision@2"]
        assert table.tested_metrics(comparison) == tested
        assert list(dict.fromkeys(comparison.tests()["metric"])) == tested
        assert comparison.verdict().startswith("good has the highest ranked_mrr, 1.000")
        assert [column.label for column in quality_table(comparison).columns[1:]] == list(COLUMNS)


def test_what_always_is_measured_is_still_there(result: Comparison) -> None:
    assert result.values("good", "em") == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    assert result.values("good", "ranked_mrr") == {"q1": 1.0, "q2": 1.0}


def test_a_metric_without_what_it_needs_is_refused() -> None:
    data = toy_dataset()
    with pytest.raises(RunError, match=r"'ndcg@20' needs relevance judgements"):
        run_comparison([GOOD], replace(data, qrels=None), Cache(enabled=False), metrics=["nDCG@20"])
    with pytest.raises(RunError, match="'contains' compares texts"):
        run_comparison(
            [GOOD], replace(data, matching="regex"), Cache(enabled=False), metrics=["contains"]
        )
    with pytest.raises(RunError, match="unknown metric 'exact'"):
        run_comparison([GOOD], data, Cache(enabled=False), metrics=["exact"])
