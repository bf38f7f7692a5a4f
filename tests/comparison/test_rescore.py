"""Metrics of finished runs that were not asked for when they ran."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.folder import save
from odqa.comparison.rescore import with_metrics
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.errors import RunError
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import toy_components, toy_dataset

with toy_components():
    SPEC = parse_pipeline(
        "{name: one, retriever: {type: overlap, k: 3}, ranker: {type: overlap, k: 2},"
        " reader: {type: first_word}}"
    )

pytestmark = pytest.mark.usefixtures("toys")
METRICS = ["em", "nDCG@3", "retrieved_P@2", "overlap-retriever/RR", "equivalent"]


def test_as_if_they_had_been_asked_for(tmp_path: Path) -> None:
    asked = run_comparison([SPEC], toy_dataset(), Cache(enabled=False), metrics=METRICS)
    save(run_comparison([SPEC], toy_dataset(), Cache(enabled=False)), tmp_path / "run")
    later = with_metrics(Comparison.load(tmp_path / "run"), METRICS)
    assert later.metrics == asked.metrics
    for metric in asked.metrics:
        assert later.values("one", metric) == asked.values("one", metric)


def test_what_a_run_folder_does_not_keep_is_refused() -> None:
    run = run_comparison([SPEC], toy_dataset(), Cache(enabled=False))
    with pytest.raises(RunError, match="'ranked_has_answer@3' cannot be computed"):
        with_metrics(run, ["has_answer@3"])
    with pytest.raises(RunError, match="'ranked_ndcg@3' cannot be computed"):
        with_metrics(replace(run, qrels=None), ["nDCG@3"])
    with pytest.raises(RunError, match="unknown metric"):
        with_metrics(run, ["exact"])
