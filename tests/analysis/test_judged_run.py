from __future__ import annotations

from pathlib import Path

import pytest

from odqa.analysis.judged_run import figure_line, read_judged_run
from odqa.data.qrels import write_qrels
from odqa.data.trec import write_run
from odqa.errors import DataError
from odqa.types import Hit


def test_a_run_and_the_judgements_of_its_questions(tmp_path: Path) -> None:
    run, qrels = tmp_path / "a.run", tmp_path / "a.qrels"
    hits = {"q1": [Hit("p1", 2.0), Hit("p2", 1.0)], "q2": [Hit("p3", 1.0)], "q3": [Hit("p1", 1.0)]}
    write_run(run, hits, "x")
    write_qrels(qrels, {"q1": {"p1": 0, "p2": 1}, "q3": {"p1": 0}, "q4": {"p1": 1}})
    judged_run = read_judged_run(run, qrels)
    assert judged_run.judged() == ["q1"]
    assert judged_run.figures() == {"R@1": 0.0, "R@5": 1.0, "MRR@10": 0.5}
    write_qrels(qrels, {"q3": {"p1": 0}, "q4": {"p1": 1}})
    with pytest.raises(DataError) as caught:
        read_judged_run(run, qrels)
    assert caught.value.line() == (
        f"{qrels}: no question of {run} has a relevant passage in it; "
        "pass a run and the qrels of the same questions"
    )


def test_figures_are_one_line() -> None:
    line = figure_line("both", {"R@1": 0.5, "MRR@10": 2 / 3})
    assert line == "both: R@1 0.500  MRR@10 0.667"
