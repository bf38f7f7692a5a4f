from __future__ import annotations

from dataclasses import replace

import pytest

from odqa.comparison.result import Comparison
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.synthetic import synthetic_comparison
from odqa.tracking.values import (
    LONGEST_PARAM,
    flatten,
    metric_name,
    pipeline_metrics,
    pipeline_params,
)


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


def test_compositions_are_flattened_by_their_places(composed: Comparison) -> None:
    params = pipeline_params(composed.result("good").spec)
    expected = {
        "rewriter.type": "keywords",
        "rewriter.keep_question": "true",
        "retriever.by": "rrf",
        "retriever.id": "both",
        "retriever.k": "3",
        "retriever.weights": "null",
        "retriever.fuse.0.0.id": "wide",
        "retriever.fuse.0.1.type": "overlap",
        "retriever.fuse.0.1.k": "1",
        "retriever.fuse.1.weight": "0.0",
        "ranker.0.alpha": "0.1",
        "ranker.1.id": "cross",
    }
    assert {key: params.get(key) for key in expected} == expected
    mapped = parse_pipeline(
        "{name: x, retriever: {rewriter: {type: keywords}, retriever: {type: bm25, k: 5},"
        " ranker: {type: colbert}}, ranker: {type: cascade, stages: [{type: retro}, {type: run,"
        " path: x}]}}"
    )
    params = pipeline_params(mapped)
    assert params["retriever.rewriter.type"] == "keywords"
    assert (params["retriever.retriever.0.k"], params["retriever.retriever.1.type"]) == (
        *("5", "colbert"),
    )
    assert (params["ranker.k"], params["ranker.stages.1.path"]) == ("100", "x")


def test_every_stage_has_its_metrics_costs_and_losses(composed: Comparison) -> None:
    result = composed.result("drops")
    metrics = pipeline_metrics(composed, "drops")
    assert {key: value for key, value in metrics.items() if key.startswith("lost/")} == {
        **{f"lost/{stage}": 1.0 for stage in ("wide", "narrow", "cross")},
        **{f"lost/{stage}": 0.0 for stage in ("rrf", "late", "first_word")},
        "lost/blind": 2.0,
    }
    # The second question alone has its passage here.
    assert metrics["wide/mrr_at_10"] == 1.0
    assert metrics["blind/mrr_at_10"] == 0.25
    assert (
        metrics["ci/blind/mrr_at_10_high"]
        == composed.summaries["drops", "blind/mrr@10"].interval.high
    )
    stages = [node.id for node in result.spec.graph.nodes]
    seconds = {cost.stage_id: cost.online_seconds for cost in result.costs}
    for stage in stages:
        assert metrics[f"cost/{stage}/online_ms_per_question"] == pytest.approx(
            1000 * seconds[stage] / 3
        )
    assert metrics["cost/online_ms_per_question"] == pytest.approx(
        sum(metrics[f"cost/{stage}/online_ms_per_question"] for stage in stages)
    )
    latency = result.latency
    assert latency is not None
    assert metrics["cost/late/latency_p99_ms"] == 1000 * max(latency.of("late"))
    # Roles that several stages share have no figures of their own; the reader's has.
    assert "cost/ranker/latency_p99_ms" not in metrics
    assert metrics["cost/reader/latency_p99_ms"] == metrics["cost/first_word/latency_p99_ms"]
    assert "cost/rewriter/offline_s" in pipeline_metrics(composed, "good")


def test_ids_that_mlflow_refuses_are_changed(composed: Comparison) -> None:
    from mlflow.utils.validation import _validate_metric_name

    assert metric_name("a+b/recall@20") == "a_b/recall_at_20"
    spec = parse_pipeline(
        "{name: drops, retriever: {type: overlap, id: a+b}, reader: {type: first_word, id: r+2}}"
    )
    plain = composed.result("plain")
    ids = {"overlap": "a+b", "first_word": "r+2"}
    costs = tuple(replace(cost, id=ids[cost.stage_id]) for cost in plain.costs)
    renamed = replace(
        composed,
        pipelines={"plain": replace(plain, spec=spec, costs=costs, latency=None)},
        rows=tuple(
            replace(row, metric=row.metric.replace("overlap/", "a+b/"))
            for row in composed.rows
            if row.pipeline == "plain"
        ),
    )
    metrics = pipeline_metrics(renamed, "plain")
    assert {"a_b/map", "ci/a_b/map_low", "lost/r_2", "cost/a_b/offline_s"} <= set(metrics)
    for name in metrics:
        _validate_metric_name(name)
