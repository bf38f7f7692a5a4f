"""From a recipe to a checkpoint, on a handful of passages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from odqa.cache import Cache
from odqa.checkpoints.delta import read_delta
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.errors import CheckpointError, RunError, SpecError
from odqa.testing.tiny_recipe import tiny_recipe
from odqa.training.data.mining import mine_hard_negatives
from odqa.training.load_recipe import load_recipe
from odqa.training.tasks.cross_encoder import CrossEncoderTask
from odqa.training.trainer.evaluate import EvaluationSet, evaluate
from odqa.training.trainer.run import train
from odqa.training.trainer.teacher_scores import write_teacher_scores
from odqa.types import Hit


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return tiny_recipe(tmp_path)


@pytest.mark.slow
def test_mine_train_teach_evaluate(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForSequenceClassification

    cache = Cache(tmp_path / "cache")
    assert mine_hard_negatives(recipe, depth=6, cache=cache) == [tmp_path / "mined" / "nq.run"]
    out = train(recipe, tmp_path / "run")
    folder = out / "cross-encoder"
    delta = read_delta(folder)
    assert delta.config["lora"] == {"r": 2, "alpha": 4.0}
    assert delta.sha256 in (folder / "card.md").read_text("utf-8")
    assert [row["step"] for row in json.loads((out / "curve.json").read_text("utf-8"))] == [1, 2]

    checkpoint = resolve_checkpoint(str(out), cache)
    _, info = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, output_loading_info=True
    )
    assert not info["missing_keys"]

    with pytest.raises(RunError, match="holds a run"):
        train(recipe, out)
    with pytest.raises(RunError, match="another recipe"):
        train(recipe, out, resume=True, seed=2)
    changed = recipe.read_text("utf-8").replace("seed: 1", "seed: 2")
    recipe.write_text(changed, encoding="utf-8")
    with pytest.raises(RunError, match="another recipe"):
        train(recipe, out, resume=True)
    recipe.write_text(changed.replace("seed: 2", "seed: 1"), encoding="utf-8")

    scores = write_teacher_scores(recipe, out, tmp_path / "teacher.run", depth=3).read_text("utf-8")
    taught = {line.split()[0] for line in scores.splitlines()}
    assert len(taught) == 4  # the held-out two are not taught
    # A call that was cut off in its last line goes on behind the question before it.
    partial = _interrupted(recipe, out, tmp_path / "teacher.run", monkeypatch)
    with partial.open("a", encoding="utf-8") as file:
        file.write('["q3", [["p')
    assert (
        write_teacher_scores(recipe, out, tmp_path / "teacher.run", depth=3).read_text("utf-8")
        == scores
    )
    assert not partial.exists()

    evaluation_set = EvaluationSet(
        tmp_path / "q.jsonl", tmp_path / "q.qrels", tmp_path / "mined/nq.run"
    )
    figures = evaluate(recipe, out, evaluation_set, depth=3, out=tmp_path / "order.run")
    assert set(figures) == {"R@1", "R@5", "MRR@10"}
    ranked = (tmp_path / "order.run").read_text("utf-8").splitlines()
    assert len(ranked) == 6 * 3

    second = yaml.safe_load(recipe.read_text("utf-8"))
    second |= {"name": "second", "start": "run"}
    # A rate that changes nothing: what comes out is what it started from.
    second["optim"] |= {"steps": 1, "lr": 1e-12, "head_lr": 1e-12}
    (tmp_path / "second.yaml").write_text(yaml.safe_dump(second), encoding="utf-8")
    out.rename(tmp_path / "moved")
    with pytest.raises(CheckpointError, match=r"no weights of 'second'.*train them first"):
        train(tmp_path / "second.yaml", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    (tmp_path / "moved").rename(out)
    again = read_delta(train(tmp_path / "second.yaml", tmp_path / "again") / "second").tensors
    assert all(torch.equal(again[name], delta.tensors[name]) for name in delta.tensors)


def _interrupted(recipe: Path, run: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stop it before its third question; the file that it leaves."""
    rank = CrossEncoderTask.rank
    calls = iter([True, True, False])

    def once(self: CrossEncoderTask, *args: Any) -> list[Hit]:
        if not next(calls):
            raise KeyboardInterrupt
        return rank(self, *args)

    out.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(CrossEncoderTask, "rank", once)
        with pytest.raises(KeyboardInterrupt):
            write_teacher_scores(recipe, run, out, depth=3)
    assert not out.exists()
    (partial,) = out.parent.glob(f"{out.name}.partial-*")
    assert len(partial.read_text("utf-8").splitlines()) == 2
    return partial


def test_a_reader_is_no_teacher(recipe: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(recipe.read_text("utf-8")) | {"task": "reader", "settings": {}}
    recipe.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(SpecError, match="'reader' is no teacher"):
        write_teacher_scores(recipe, tmp_path, tmp_path / "teacher.run")


def test_seeds_can_share_what_is_held_out(recipe: Path, tmp_path: Path) -> None:
    mine_hard_negatives(recipe, depth=6, cache=Cache(tmp_path / "cache"))
    content = yaml.safe_load(recipe.read_text("utf-8"))

    def apart(seed: int) -> list[str]:
        recipe.write_text(yaml.safe_dump(content | {"seed": seed}), encoding="utf-8")
        validation = CrossEncoderTask.load(load_recipe(recipe)).data.validation
        return [labelled.question.id for labelled in validation]

    assert len({tuple(apart(seed)) for seed in range(8)}) > 1
    first = apart(1)
    again = load_recipe(recipe).with_seed(5)
    assert again.seed == 5
    assert [row.question.id for row in CrossEncoderTask.load(again).data.validation] == first
    content["data"]["held_out_seed"] = 1
    assert {tuple(apart(seed)) for seed in range(8)} == {tuple(first)}
