"""``odqa teach``: where a teacher's scores go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import odqa.training.trainer.reader_scores
import odqa.training.trainer.teacher_scores
from odqa.cli.main import main
from odqa.training.load_recipe import load_recipe

RECIPES = Path(__file__).resolve().parents[2] / "eval" / "recipes"


def test_scores_go_beside_the_mined_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[Path] = []

    def write(*values: Any) -> Path:
        paths.append(values[2])
        return paths[-1]

    monkeypatch.setattr(odqa.training.trainer.teacher_scores, "write_teacher_scores", write)
    for name in ("cross-encoder", "retro"):
        args = ["odqa", "teach", str(RECIPES / f"{name}.yaml"), f"embedded:{name}"]
        monkeypatch.setattr(sys, "argv", args)
        with pytest.raises(SystemExit) as caught:
            main()
        assert not caught.value.code
    mined = load_recipe(RECIPES / "retro.yaml").data.mined
    assert paths == [mined / "teacher-cross-encoder.run", mined / "teacher-retro.run"]


def test_a_readers_scores_go_where_the_recipes_of_pupils_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[Any, ...]] = []

    def write(*values: Any) -> Path:
        calls.append(values)
        return Path(values[2])

    monkeypatch.setattr(odqa.training.trainer.reader_scores, "write_reader_scores", write)
    for name, score in (("attention", "attention"), ("emdr2", "likelihood")):
        path = RECIPES / f"sentence-{name}.yaml"
        args = ["odqa", "teach", str(path), "embedded:fid", "--score", score]
        monkeypatch.setattr(sys, "argv", args)
        with pytest.raises(SystemExit) as caught:
            main()
        assert not caught.value.code
        pupil = load_recipe(path)
        recipe, checkpoint, out, given, _cache, depth, sources = calls[-1]
        assert (recipe, checkpoint, given) == (path, "embedded:fid", score)
        assert [out] == [pupil.data.mined / run for run in pupil.data.teacher]
        # Every negative that may be drawn is scored.
        assert depth >= pupil.negatives.depth
        assert set(sources) == set(pupil.data.weights)
