"""``odqa teach``: where a teacher's scores go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import odqa.training.trainer.teacher_scores
from odqa.cli.main import main
from odqa.training.load_recipe import load_recipe

RECIPES = Path(__file__).resolve().parents[2] / "eval" / "recipes"


def test_scores_go_where_the_recipes_of_pupils_look(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []

    def write(*values: Any) -> Path:
        written.append(values[2])
        return written[-1]

    monkeypatch.setattr(odqa.training.trainer.teacher_scores, "write_teacher_scores", write)
    for name in ("cross-encoder", "retro"):
        words = ["odqa", "teach", str(RECIPES / f"{name}.yaml"), f"embedded:{name}"]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            main()
        assert not left.value.code
    pupil = load_recipe(RECIPES / "sentence.yaml").data
    assert written == [pupil.mined / run for run in pupil.teacher]
