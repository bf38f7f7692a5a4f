"""A pool holds what a run found and what is judged, in the order of the corpus, no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.analysis.pool import read_retrieved, write_pool
from odqa.data.corpus import Corpus
from odqa.data.dpr_tsv import read_passages
from odqa.data.trec import read_run, write_run
from odqa.errors import DataError, RunError
from odqa.types import Hit, Passage

HITS = {"q1": [Hit("p3", 2.0), Hit("p1", 1.0), Hit("p5", 0.5)], "q2": [Hit("p4", 1.0)]}
CORPUS = Corpus.from_passages(Passage(f"p{i}", f"text {i}") for i in range(1, 7))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "pipelines" / "mine").mkdir(parents=True)
    write_run(folder / "pipelines" / "mine" / "retrieved.trec", HITS, "mine")
    (folder / "gold.qrels").write_text("q1 0 p2 1\n", "utf-8")
    return folder


def test_the_pool_of_a_run(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "pools" / "out"
    assert write_pool(read_retrieved(run, "mine", 2), CORPUS, out) == 4
    assert [passage.id for passage in read_passages(out / "passages.tsv")] == [
        "p1",
        "p2",
        "p3",
        "p4",
    ]
    assert read_run(out / "first-stage.run") == {"q1": HITS["q1"][:2], "q2": HITS["q2"]}
    assert (out / "gold.qrels").read_text("utf-8").split() == ["q1", "0", "p2", "1"]


def test_a_run_without_judgements_has_a_pool_too(run: Path, tmp_path: Path) -> None:
    (run / "gold.qrels").unlink()
    assert write_pool(read_retrieved(run, "mine", 1), CORPUS, tmp_path / "out") == 2
    assert not (tmp_path / "out" / "gold.qrels").exists()


def test_judged_passages_that_the_corpus_lacks_are_left_out(run: Path, tmp_path: Path) -> None:
    with (run / "gold.qrels").open("a") as file:
        file.write("q2 0 lost 1\n")
    assert write_pool(read_retrieved(run, "mine", 2), CORPUS, tmp_path / "out") == 4


def test_what_cannot_be_pooled_is_one_line(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no run folder; pass one that odqa run"):
        read_retrieved(tmp_path / "nowhere", "mine", 2)
    with pytest.raises(RunError, match="no pipeline 'mind'; did you mean 'mine'"):
        read_retrieved(run, "mind", 2)
    other_corpus = Corpus.from_passages([Passage("p2", "judged"), Passage("p3", "text")], "other")
    with pytest.raises(DataError, match="corpus other: no passage 'p1'"):
        write_pool(read_retrieved(run, "mine", 2), other_corpus, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(DataError, match=r"cannot be made .*choose another --out"):
        write_pool(read_retrieved(run, "mine", 2), CORPUS, tmp_path / "file" / "out")
