from __future__ import annotations

from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data.foreign_run import RunFileConfig
from odqa.errors import DataError
from odqa.rankers.run_file import RunFileRanker
from odqa.testing.conformance import check_ranker
from odqa.testing.toys import QUESTIONS, toy_dataset
from odqa.types import Hit

RUN = """\
q1 Q0 p3 1 2.5 x
q1 Q0 p1 2 1.5 x
q2 Q0 p2 1 0.75 x
q2 Q0 p4 2 0.25 x
q3 Q0 p4 1 9 x
"""
HITS = [Hit("p1", 30.0), Hit("p2", 20.0), Hit("p3", 10.0)]


@pytest.fixture
def ranker(tmp_path: Path) -> RunFileRanker:
    path = tmp_path / "other.trec"
    path.write_text(RUN)
    ranker = RunFileRanker(RunFileConfig(path=str(path), k=10))
    ranker.prepare(toy_dataset().corpus, Cache(enabled=False))
    return ranker


def test_the_file_ranks_and_what_it_does_not_hold_comes_last(ranker: RunFileRanker) -> None:
    ranked = ranker.rank(QUESTIONS[:2], [HITS, HITS], 3)
    assert ranked[0] == [Hit("p3", 2.5), Hit("p1", 1.5), Hit("p2", 0.5)]
    # p4 of the file was not retrieved; p1 and p3 keep the order in which they came.
    assert ranked[1] == [Hit("p2", 0.75), Hit("p1", -0.75), Hit("p3", -0.75)]
    assert ranker.rank(QUESTIONS[:1], [HITS], 1) == [[Hit("p3", 2.5)]]


def test_it_conforms(ranker: RunFileRanker) -> None:
    check_ranker(ranker, QUESTIONS[:2], [HITS, HITS])


def test_a_question_it_does_not_rank_is_refused_unless_there_is_nothing_to_rank(
    ranker: RunFileRanker,
) -> None:
    assert ranker.rank([QUESTIONS[2]], [[]], 3) == [[]]
    line = "other.trec: ranks none of the 3 passages retrieved for question 'q3'"
    with pytest.raises(DataError, match=line):
        ranker.rank(QUESTIONS, [HITS, HITS, HITS], 3)
