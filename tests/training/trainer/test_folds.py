"""Cross-validation: who validates what, which number of steps is chosen, and what is left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from odqa.cache import Cache
from odqa.checkpoints.delta import read_delta
from odqa.errors import RunError, SpecError
from odqa.testing.tiny_recipe import tiny_recipe
from odqa.training.data.mining import mine_hard_negatives
from odqa.training.load_recipe import load_recipe
from odqa.training.tasks.cross_encoder import CrossEncoderTask
from odqa.training.trainer.folds import chosen_row, mean_curve
from odqa.training.trainer.interpolation import interpolated_curves
from odqa.training.trainer.run import train


def curve(*values: float) -> list[dict[str, float]]:
    return [{"step": 10 * n, "MRR@10": value} for n, value in enumerate(values)]


def test_mean_and_standard_error_by_hand() -> None:
    mean = mean_curve([curve(0.5, 0.7), curve(0.6, 0.9), curve(0.7, 0.8)])
    assert [row["step"] for row in mean] == [0, 10]
    assert [row["MRR@10"] for row in mean] == pytest.approx([0.6, 0.8])
    # Standard deviation 0.1 of three values: 0.1 / sqrt(3).
    assert [row["MRR@10 se"] for row in mean] == pytest.approx([0.057735, 0.057735], abs=1e-6)


def test_a_lead_in_every_fold_counts_however_far_apart_the_folds_are() -> None:
    assert chosen_row([curve(0.30, 0.32), curve(0.90, 0.92)], "MRR@10") == 1


def test_a_lead_that_folds_disagree_on_does_not_count() -> None:
    # The last row leads the second by 0.03 in one fold and is 0.02 behind in the other.
    curves = [curve(0.1, 0.50, 0.53), curve(0.1, 0.52, 0.50)]
    assert chosen_row(curves, "MRR@10") == 1


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tiny_recipe(tmp_path)
    mine_hard_negatives(path, depth=6, cache=Cache(tmp_path / "cache"))
    return path


def changed(recipe: Path, part: str, **keys: Any) -> Path:
    content = yaml.safe_load(recipe.read_text("utf-8"))
    content[part] |= keys
    recipe.write_text(yaml.safe_dump(content), encoding="utf-8")
    return recipe


def test_every_question_is_validated_once_and_then_trained_on(recipe: Path) -> None:
    whole = load_recipe(changed(recipe, "data", folds=3))
    validated = []
    for fold in (1, 2, 3):
        data = CrossEncoderTask.load(whole.in_fold(fold, 3)).data
        apart = {row.question.id for row in data.validation}
        assert not apart & {row.question.id for row in data.train["nq"]}
        validated += sorted(apart)
    assert sorted(validated) == [f"q{i}" for i in range(6)]
    data = CrossEncoderTask.load(whole.on_all(2, 3)).data
    assert len(data.train["nq"]) == 6
    assert not data.validation


def test_folds_stay_the_same_for_another_seed(recipe: Path) -> None:
    whole = load_recipe(changed(recipe, "data", folds=3))

    def apart(seed: int) -> list[str]:
        data = CrossEncoderTask.load(whole.with_seed(seed).in_fold(2, 3)).data
        return [row.question.id for row in data.validation]

    assert apart(1) == apart(2) == apart(9)


@pytest.mark.parametrize(("key", "value"), [("folds", 7), ("held_out", 6)])
def test_more_parts_than_questions_are_refused(recipe: Path, key: str, value: int) -> None:
    from odqa.errors import DataError

    whole = load_recipe(changed(recipe, "data", **{key: value}))
    with pytest.raises(DataError, match="6 questions with a gold passage") as caught:
        CrossEncoderTask.load(whole)
    assert str(caught.value).startswith(f"data.{key}")


def test_a_fold_needs_folds(recipe: Path) -> None:
    with pytest.raises(SpecError, match="fold 4 is none of 3 folds"):
        load_recipe(changed(recipe, "data", folds=3, fold=4))
    with pytest.raises(SpecError, match="validation names 'squad'"):
        load_recipe(changed(recipe, "data", fold=None, validation={"squad": 3}))


def _size_of_change(task: CrossEncoderTask, model: torch.nn.Module) -> dict[str, float]:
    """Grows with every step and with the share of the change that counts."""
    ups = [parameter for name, parameter in model.named_parameters() if ".lora_B" in name]
    return {"MRR@10": sum(float(up.abs().sum()) for up in ups) / 1000}


@pytest.mark.slow
def test_train_by_folds(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CrossEncoderTask, "evaluate", _size_of_change)
    changed(recipe, "optim", lr=0.02, head_lr=0.02, batch=2, steps=4, evaluate_every=2)
    out = train(changed(recipe, "data", folds=2), tmp_path / "run")
    folds = [
        json.loads((out / "folds" / name / "curve.json").read_text("utf-8")) for name in ("1", "2")
    ]
    assert [[row["step"] for row in fold] for fold in folds] == [[0, 2, 4]] * 2
    rows = json.loads((out / "curve.json").read_text("utf-8"))
    assert rows == mean_curve(folds)
    trained = json.loads((out / "recipe.json").read_text("utf-8"))
    chosen = chosen_row(folds, "MRR@10")
    assert trained["optim"]["steps"] == rows[chosen]["step"] > 0
    assert trained["optim"]["horizon"] == 4
    card = (out / "cross-encoder" / "card.md").read_text("utf-8")
    assert "mean and standard error over 2 folds" in card
    assert f"| 0 | {rows[0]['MRR@10']:.3f} ± {rows[0]['MRR@10 se']:.3f}" in card

    # The same again: folds that have ended are not trained anew.
    before = {file: file.stat().st_mtime_ns for file in (out / "folds").rglob("curve.json")}
    with pytest.raises(RunError, match="holds a fold that has ended"):
        train(recipe, out)
    train(recipe, out, resume=True)
    assert before == {file: file.stat().st_mtime_ns for file in before}

    # By another seed, chosen by the same folds.
    other = train(recipe, tmp_path / "other", seed=5, folds_of=out)
    assert not (other / "folds").exists()
    assert json.loads((other / "curve.json").read_text("utf-8")) == rows
    first, second = (read_delta(run / "cross-encoder").tensors for run in (out, other))
    assert any(not torch.equal(first[name], second[name]) for name in first)
    changed(recipe, "optim", lr=0.01)
    with pytest.raises(RunError, match="holds no folds of this recipe"):
        train(recipe, tmp_path / "third", seed=6, folds_of=out)

    # No share of the change is the base model, all of it the trained one.
    changed(recipe, "optim", lr=0.02)
    shares = interpolated_curves(load_recipe(recipe), out, (0.0, 0.5, 1.0))
    for fold, by_share in zip(folds, shares, strict=True):
        assert [row["step"] for row in by_share] == [0.0, 0.5, 1.0]
        whole = fold[-1]["MRR@10"]
        # Weights are kept in float16.
        figures = [row["MRR@10"] for row in by_share]
        assert figures == pytest.approx([0.0, whole / 2, whole], rel=1e-2)


@pytest.mark.slow
def test_what_training_does_not_improve_is_not_trained(recipe: Path, tmp_path: Path) -> None:
    changed(recipe, "optim", lr=1e-12, head_lr=1e-12)
    with pytest.raises(RunError, match="no better than before the first step"):
        train(changed(recipe, "data", folds=2), tmp_path / "run")
