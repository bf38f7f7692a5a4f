"""A pool holds what a run found and what is judged, in the order of the corpus, no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from odqa.data.dpr_tsv import read_passages, write_passages
from odqa.data.trec import read_run, write_run
from odqa.types import Hit, Passage

ROOT = Path(__file__).resolve().parents[2]


def pool(run: Path, corpus: Path, out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, str(ROOT / "eval" / "pool.py"), str(run), "mine", str(corpus)]
    return subprocess.run(
        [*script, "--out", str(out), *words], capture_output=True, text=True, cwd=ROOT
    )


def test_the_pool_of_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "pipelines" / "mine").mkdir(parents=True)
    hits = {"q1": [Hit("p3", 2.0), Hit("p1", 1.0), Hit("p5", 0.5)], "q2": [Hit("p4", 1.0)]}
    write_run(run / "pipelines" / "mine" / "retrieved.trec", hits, "mine")
    (run / "gold.qrels").write_text("q1 0 p2 1\n", "utf-8")
    corpus = tmp_path / "corpus.tsv"
    write_passages(corpus, (Passage(f"p{i}", f"text {i}") for i in range(1, 7)))

    done = pool(run, corpus, tmp_path / "out", "--k", "2")
    assert done.returncode == 0, done.stderr
    assert "4 passages, 2 questions" in done.stdout
    kept = [passage.id for passage in read_passages(tmp_path / "out" / "passages.tsv")]
    assert kept == ["p1", "p2", "p3", "p4"]
    assert read_run(tmp_path / "out" / "first-stage.run")["q1"] == hits["q1"][:2]

    assert (tmp_path / "out" / "gold.qrels").read_text("utf-8").split() == ["q1", "0", "p2", "1"]

    refused = pool(tmp_path / "nowhere", corpus, tmp_path / "out2")
    assert refused.returncode == 2 and "no such file" in refused.stderr
    assert not (tmp_path / "out2").exists()
