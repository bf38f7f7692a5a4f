"""The first thing a user runs, from end to end: six pipelines, the shipped models, a report."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from odqa.comparison.result import Comparison

pytestmark = [pytest.mark.slow, pytest.mark.java]

PIPELINES = ["bm25", "bm25-colbert", "sbert-colbert", "dpr-colbert", "retro", "retro-offline"]


def compare(folder: Path, *args: str) -> str:
    process = subprocess.run(
        [sys.executable, "-m", "odqa.cli.main", "compare", "--take", "4", *args],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "ODQA_CACHE": str(folder / "cache")},
        timeout=600,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_the_embedded_comparison_from_end_to_end(tmp_path: Path) -> None:
    first = compare(tmp_path, "--latency", "1", "--mlflow", "sqlite:///mlflow.db")
    (folder,) = (tmp_path / "runs").iterdir()
    result = Comparison.load(folder)
    assert list(result.pipelines) == PIPELINES
    for name in PIPELINES:
        assert len(result.values(name, "em")) == 4
        latency = result.result(name).latency
        assert latency is not None and len(latency.questions) == 1
        assert not any(cost.reused for cost in result.result(name).costs)
    # Four easy questions: the shipped retriever and rankers are no random order.
    assert sum(result.values("sbert-colbert", "retrieved_recall@20").values()) >= 3
    assert sum(result.values("retro", "ranked_mrr@10").values()) >= 2
    assert (folder / "report.html").stat().st_size > 10_000
    assert (tmp_path / "mlflow.db").exists()
    assert "small ones that ship with odqa" in first

    compare(tmp_path, "--latency", "0", "--mlflow", "off")
    again = Comparison.load(max((tmp_path / "runs").iterdir(), key=lambda f: f.name))
    assert again.rows == result.rows
    for name in PIPELINES:
        assert all(cost.reused for cost in again.result(name).costs)
