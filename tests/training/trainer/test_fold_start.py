"""No fold starts from weights that have seen the questions it validates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from odqa.errors import RunError
from odqa.training.recipes import DataPart, OptimPart, Recipe
from odqa.training.trainer.fold_start import start_of_fold
from odqa.training.trainer.run_recipe import recipe_content

QUESTIONS = Path("q.jsonl")


def recipe(start: Path | None = None, **data: Any) -> Recipe:
    part = {"questions": QUESTIONS, "qrels": Path("q.qrels"), "held_out_seed": 3, **data}
    return Recipe(
        name="ranker",
        task="cross-encoder",
        start=start,
        seed=1,
        data=DataPart(root=Path(), corpus=Path("c.tsv"), **part),
        optim=OptimPart(steps=2, batch=1, lr=0.1, evaluate_every=1),
    )


def keep(folder: Path, of: Recipe) -> Path:
    folder.mkdir(parents=True)
    (folder / "recipe.json").write_text(recipe_content(of), encoding="utf-8")
    return folder


def test_without_a_start_there_is_none() -> None:
    assert start_of_fold(recipe(folds=3, fold=1)) is None


def test_a_fold_starts_from_the_same_fold(tmp_path: Path) -> None:
    keep(tmp_path / "run", recipe(folds=3))
    like = keep(tmp_path / "run" / "folds" / "2", recipe(folds=3, fold=2))
    assert start_of_fold(recipe(tmp_path / "run", folds=3, fold=2)) == like


@pytest.mark.parametrize("other", [{"folds": 4}, {"held_out_seed": 4}, {"fold": 1}])
def test_folds_of_other_questions_do_not_do(tmp_path: Path, other: dict[str, int]) -> None:
    keep(tmp_path / "run", recipe(folds=3))
    keep(tmp_path / "run" / "folds" / "2", recipe(**{"folds": 3, "fold": 2, **other}))
    with pytest.raises(RunError, match="trained on the questions that fold 2 validates"):
        start_of_fold(recipe(tmp_path / "run", folds=3, fold=2))


def test_one_model_of_a_run_is_known_by_the_run(tmp_path: Path) -> None:
    run = keep(tmp_path / "run", recipe(held_out=5))
    with pytest.raises(RunError, match="the same 3 folds and held_out_seed"):
        start_of_fold(recipe(run / "ranker", folds=3, fold=2))


@pytest.mark.parametrize(
    "other", [{"questions": Path("others.jsonl")}, {"weights": {"nq": 0.0, "squad": 1.0}}]
)
def test_what_did_not_see_the_questions_serves_every_fold(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    run = keep(tmp_path / "run", recipe(**other))
    assert start_of_fold(recipe(run, folds=3, fold=2)) == run


def test_a_start_of_unknown_training_is_taken_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "config.json").write_text(json.dumps({}), encoding="utf-8")
    start = start_of_fold(recipe(tmp_path / "shipped", folds=3, fold=2))
    assert start == tmp_path / "shipped"
    assert "does not say what it was trained on" in caplog.text
