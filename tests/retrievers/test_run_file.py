from __future__ import annotations

from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.errors import ComponentError, DataError
from odqa.retrievers.run_file import RunFileConfig, RunFileRetriever
from odqa.testing.toys import QUESTIONS, toy_dataset
from odqa.types import Hit, Question

RUN = "q1 Q0 p3 1 2.5 x\nq1 Q0 p1 2 1.5 x\nq2 Q0 p2 1 0.25 x\n"


def prepared(path: Path) -> RunFileRetriever:
    retriever = RunFileRetriever(RunFileConfig(path=str(path), k=10))
    retriever.prepare(toy_dataset().corpus, Cache(enabled=False))
    return retriever


def test_hits_come_by_question(tmp_path: Path) -> None:
    path = tmp_path / "other.trec"
    path.write_text(RUN)
    found = prepared(path).retrieve(QUESTIONS, 1)
    assert found == [[Hit("p3", 2.5)], [Hit("p2", 0.25)], []]


def test_foreign_passages_and_questions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.trec"
    path.write_text(RUN.replace("p2", "p22"))
    with pytest.raises(DataError, match="p22"):
        prepared(path)
    path.write_text(RUN)
    with pytest.raises(ComponentError, match="no hits for 'z'"):
        prepared(path).retrieve([Question("z", "z")], 1)


def test_the_identity_follows_the_content(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.trec", tmp_path / "b.trec"
    path.write_text(RUN)
    copy.write_text(RUN)
    first = RunFileConfig(path=str(path)).identity()
    assert first == RunFileConfig(path=str(copy)).identity()
    copy.write_text(RUN.replace("2.5", "2.6"))
    assert first != RunFileConfig(path=str(copy)).identity()
