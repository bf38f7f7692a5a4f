from __future__ import annotations

from pathlib import Path

import pytest

from eval.order import gold_passages, say


def test_the_first_judged_passage_is_gold(tmp_path: Path) -> None:
    (tmp_path / "a.qrels").write_text("q1 0 p2 1\nq1 0 p1 1\nq2 0 p3 1\n", encoding="utf-8")
    assert gold_passages(tmp_path / "a.qrels") == {"q1": "p2", "q2": "p3"}


def test_figures_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("both", {"R@1": 0.5, "MRR@10": 2 / 3})
    assert capsys.readouterr().out == "both: R@1 0.500  MRR@10 0.667\n"
