"""Specs side by side."""

from __future__ import annotations

from dataclasses import replace

from odqa.comparison.spec_differences import spec_differences
from odqa.report.terminal.specs import spec_lines
from odqa.testing.synthetic import synthetic_comparison


def test_keys_that_differ() -> None:
    comparison = synthetic_comparison(2, 2)
    table = spec_differences(comparison)
    assert table["retriever.type"] == {"bm25": "bm25", "sbert-colbert": "sentence"}
    assert table["ranker.k"] == {"bm25": "", "sbert-colbert": "20"}
    # The same reader in both, defaults that nobody mentions, and prose.
    assert "reader.checkpoint" not in table and "retriever.k1" not in table and "name" not in table
    assert "retriever.type  bm25: bm25; sentence: sbert-colbert" in spec_lines(comparison)


def test_a_default_counts_where_another_says_it() -> None:
    comparison = synthetic_comparison(2, 2)
    first, second = comparison.pipelines.values()
    from odqa.spec.pipeline import parse_pipeline

    other = parse_pipeline(
        "{name: sbert-colbert, retriever: {type: bm25, k: 30},"
        " reader: {type: extractive, checkpoint: some/reader}}"
    )
    changed = replace(
        comparison, pipelines={"bm25": first, "sbert-colbert": replace(second, spec=other)}
    )
    assert spec_differences(changed) == {"retriever.k": {"bm25": "100", "sbert-colbert": "30"}}


def test_one_pipeline_shows_all_of_its_keys() -> None:
    table = spec_differences(synthetic_comparison(2, 1))
    assert table["retriever.type"] == {"bm25": "bm25"}
    assert table["reader.checkpoint"] == {"bm25": "some/reader"}
