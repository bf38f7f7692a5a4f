"""A training that was killed and resumed ends exactly like one that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback, set_seed

from odqa.errors import RunError
from odqa.training.model.lora import extract
from odqa.training.recipes import OptimPart
from odqa.training.tasks.base import Task
from odqa.training.trainer.checkpoints import Checkpoints
from odqa.training.trainer.task_trainer import (
    TaskTrainer,
    evaluations_since_best,
    learning_curve,
    parameter_groups,
)


class _Killed(TrainerCallback):
    """Ends the process, so to speak, in the middle of a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            raise KeyboardInterrupt


def _trainer(task: Task, folder: Path) -> TaskTrainer:
    set_seed(task.recipe.seed)
    return TaskTrainer(task, task.build(), Checkpoints(folder, "recipe"))


def test_resuming_gives_the_uninterrupted_result(task: Task, tmp_path: Path) -> None:
    uninterrupted = _trainer(task, tmp_path / "whole")
    uninterrupted.train()

    killed = _trainer(task, tmp_path / "killed")
    killed.add_callback(_Killed(5))
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    # Moved, as to another disk: a checkpoint does not depend on where it was written.
    (tmp_path / "killed").rename(tmp_path / "moved")
    last = Checkpoints(tmp_path / "moved", "recipe").latest()
    assert last == tmp_path / "moved/checkpoint-4"

    resumed = _trainer(task, tmp_path / "moved")
    resumed.train(resume_from_checkpoint=str(last))
    assert resumed.state.global_step == 6
    expected = extract(uninterrupted.model)
    resumed_tensors = extract(resumed.model)
    assert expected.keys() == resumed_tensors.keys()
    assert all(torch.equal(expected[name], resumed_tensors[name]) for name in expected)
    curves = [learning_curve(t.state.log_history) for t in (uninterrupted, resumed)]
    assert curves[0] == curves[1]


def test_the_best_checkpoint_is_kept_not_the_last(task: Task, tmp_path: Path) -> None:
    trainer = _trainer(task, tmp_path)
    trainer.train()
    curve = learning_curve(trainer.state.log_history)
    assert [row["step"] for row in curve] == [2, 4, 6]
    best = max(row["goodness"] for row in curve)
    trainer.model.eval()
    with torch.no_grad():
        assert task.evaluate(trainer.model)["goodness"] == pytest.approx(best, abs=1e-6)


def test_checkpoints_hold_only_what_is_trained(task: Task, tmp_path: Path) -> None:
    from safetensors import safe_open

    _trainer(task, tmp_path).train()
    last = Checkpoints(tmp_path, "recipe").latest()
    with safe_open(f"{last}/model.safetensors", framework="pt") as saved:
        assert all(".lora_" in name for name in saved.keys())  # noqa: SIM118


def test_it_stops_early_when_nothing_gets_better(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "evaluate", lambda model: {"goodness": 0.0})
    task.recipe = task.recipe.model_copy(
        update={"optim": task.recipe.optim.model_copy(update={"patience": 1})}
    )
    trainer = _trainer(task, tmp_path)
    trainer.train()
    assert trainer.state.global_step == 4
    assert trainer.has_ended(tmp_path / "checkpoint-4")
    assert not trainer.has_ended(tmp_path / "checkpoint-2")
    # The first of equals is the best; it is there to be loaded, and so is the last.
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-2", "checkpoint-4"}


def test_a_resumed_training_remembers_how_long_nothing_got_better(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optim = task.recipe.optim.model_copy(update={"patience": 2, "steps": 12})
    task.recipe = task.recipe.model_copy(update={"optim": optim})
    monkeypatch.setattr(task, "evaluate", lambda model: {"goodness": 0.0})
    killed = _trainer(task, tmp_path)
    killed.add_callback(_Killed(5))
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    resumed = _trainer(task, tmp_path)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    assert resumed.state.global_step == 6


def test_how_long_nothing_got_better(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def since(*values: float) -> int:
        rows = [{"step": n, "eval_goodness": value} for n, value in enumerate(values)]
        return evaluations_since_best([*rows, {"loss": 1.0}], task)

    assert [since(), since(1), since(1, 2), since(1, 1), since(3, 1, 2)] == [0, 0, 0, 1, 2]
    monkeypatch.setattr(type(task), "smaller_is_better", True)
    assert [since(1, 2), since(3, 1, 2), since(3, 2, 1)] == [1, 1, 0]


def test_the_curve_does_not_depend_on_the_order_in_a_log() -> None:
    row = {"eval_b": 2.0, "eval_a": 1.0, "step": 3, "epoch": 0.5}
    curve = learning_curve([{"loss": 1.0, "step": 3}, row])
    assert list(curve[0].items()) == [("step", 3), ("a", 1.0), ("b", 2.0)]
    assert repr(learning_curve([dict(sorted(row.items()))])) == repr(curve)


def test_a_loss_that_is_no_number_ends_the_training(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = type(task).loss

    def diverged(model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        return loss(task, model, batch) * (float("nan") if model.training else 1.0)

    monkeypatch.setattr(task, "loss", diverged)
    with pytest.raises(RunError, match=r"tiny: the loss of step 1 is nan; train with a lower"):
        _trainer(task, tmp_path).train()


def test_the_learning_rate_can_fall_towards_a_later_step(task: Task, tmp_path: Path) -> None:
    optim = task.recipe.optim.model_copy(update={"horizon": 12})
    task.recipe = task.recipe.model_copy(update={"optim": optim})
    trainer = _trainer(task, tmp_path)
    trainer.train()
    assert trainer.lr_scheduler.get_last_lr()[0] > 0.4 * optim.lr


def test_heads_have_their_own_rate_and_vectors_do_not_decay() -> None:
    model = torch.nn.Module()
    model.layer = torch.nn.Module()
    model.layer.lora_A = torch.nn.Linear(2, 2, bias=False)
    model.head = torch.nn.Linear(2, 1)
    optim = OptimPart(steps=1, batch=1, lr=1.0, head_lr=0.5, weight_decay=0.1, evaluate_every=1)
    groups = parameter_groups(model, optim)
    n_parameters = {(g["lr"], g["weight_decay"]): len(g["params"]) for g in groups}
    assert n_parameters == {(1.0, 0.1): 1, (0.5, 0.1): 1, (0.5, 0.0): 1}
