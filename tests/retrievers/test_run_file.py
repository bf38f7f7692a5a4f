from __future__ import annotations

from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data.foreign_run import RunFileConfig
from odqa.errors import DataError
from odqa.retrievers.run_file import RunFileRetriever
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
    hits = prepared(path).retrieve(QUESTIONS, 1)
    assert hits == [[Hit("p3", 2.5)], [Hit("p2", 0.25)], []]
    # A run has no line for a question without hits, which may well be asked alone.
    assert prepared(path).retrieve([QUESTIONS[2]], 1) == [[]]


def test_foreign_passages_and_questions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.trec"
    path.write_text(RUN.replace("p2", "p22"))
    with pytest.raises(DataError, match="p22"):
        prepared(path)
    path.write_text(RUN)
    with pytest.raises(DataError, match=r"other.trec: nothing for 'z' or any other"):
        prepared(path).retrieve([Question("z", "z"), Question("y", "y")], 1)
