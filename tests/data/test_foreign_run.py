from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.data.foreign_run import RunFileConfig, read_foreign_run
from odqa.errors import DataError
from odqa.testing.toys import QUESTIONS, toy_dataset
from odqa.types import Hit

RUN = "q1 Q0 p3 1 2.5 x\nq1 Q0 p1 2 1.5 x\nq2 Q0 p2 1 0.25 x\n"
CORPUS = toy_dataset().corpus


def test_trec_runs_go_by_id(tmp_path: Path) -> None:
    path = tmp_path / "other.trec"
    path.write_text(RUN)
    hits = read_foreign_run(path, CORPUS).of(QUESTIONS)
    assert hits == [[Hit("p3", 2.5), Hit("p1", 1.5)], [Hit("p2", 0.25)], None]


def test_dprs_results_go_by_text_and_lose_the_prefix_of_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "nq.json"
    ctxs = [{"id": "wiki:p1", "score": "1.5"}, {"id": "p3", "score": "2.5"}]
    item = {"question": QUESTIONS[0].text, "answers": ["Seine"], "ctxs": ctxs}
    path.write_text(json.dumps([item]))
    hits = read_foreign_run(path, CORPUS).of(QUESTIONS)
    assert hits == [[Hit("p3", 2.5), Hit("p1", 1.5)], None, None]


@pytest.mark.parametrize("name", ["p9", "wiki:p9"])
def test_passages_of_another_corpus_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "other.trec"
    path.write_text(f"q1 Q0 {name} 1 2.5 x\n")
    with pytest.raises(DataError, match=r"other.trec: no passage 'p9'"):
        read_foreign_run(path, CORPUS)


def test_the_identity_follows_the_content(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.trec", tmp_path / "b.trec"
    path.write_text(RUN)
    copy.write_text(RUN)
    first = RunFileConfig(path=str(path)).identity()
    assert first == RunFileConfig(path=str(copy)).identity()
    copy.write_text(RUN.replace("2.5", "2.6"))
    assert first != RunFileConfig(path=str(copy)).identity()
