from __future__ import annotations

import pytest

from odqa.testing.synthetic import synthetic_comparison
from odqa.tracking.values import LONGEST_PARAM, flatten, pipeline_metrics, pipeline_params


def test_specs_are_flattened_with_their_defaults() -> None:
    params = pipeline_params(synthetic_comparison(3).pipelines["sbert-colbert"].spec)
    assert params["name"] == "sbert-colbert"
    assert (params["ranker.type"], params["ranker.k"]) == ("colbert", "20")
    assert "retriever.k" in params  # a default


def test_flatten_keeps_types_readable_and_values_short() -> None:
    params = flatten({"a": {"b": [1, 2]}, "c": None, "d": True, "e": "x" * 9999}, "top")
    assert params["top.a.b"] == "[1, 2]"
    assert (params["top.c"], params["top.d"]) == ("null", "true")
    assert len(params["top.e"]) == LONGEST_PARAM


def test_metrics_are_means_intervals_and_costs() -> None:
    comparison = synthetic_comparison(20)
    metrics = pipeline_metrics(comparison, "bm25")
    cell = comparison.summaries["bm25", "ranked_mrr@10"]
    assert metrics["ranked_mrr_at_10"] == cell.mean
    assert metrics["ci/ranked_mrr_at_10_low"] == cell.interval.low
    # 2 ms and 10 ms in batches; 4 ms and 8 ms when asked alone.
    assert metrics["cost/online_ms_per_question"] == pytest.approx(12)
    assert metrics["cost/latency_p50_ms"] == pytest.approx(12)
    assert metrics["cost/stored_bytes"] == 4e6
    assert metrics["cost/questions_per_s"] == pytest.approx(1000 / 12)
    assert metrics["cost/retriever/latency_p99_ms"] == pytest.approx(4)
    assert metrics["cost/reader/online_peak_bytes"] == 4e8
    assert metrics["cost/j_per_question"] == pytest.approx(1)
    # The preparation reported no energy: no key, rather than a guess.
    assert "cost/offline_j" not in metrics
    assert not any(name.startswith("test/") for name in metrics)  # the baseline
    tested = pipeline_metrics(comparison, "bm25-cross")
    row = comparison.tests().set_index(["metric", "pipeline"]).loc["em", "bm25-cross"]
    assert tested["test/em_difference"] == row["difference"]
    assert tested["test/em_p_holm"] == row["p (Holm)"]
    # No number of questions shows a difference that is none.
    assert "test/em_questions_needed" not in pipeline_metrics(comparison, "sbert-colbert")
    assert not any("@" in name for name in metrics)
