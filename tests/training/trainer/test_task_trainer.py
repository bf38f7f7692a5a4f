"""A training that was killed and resumed ends exactly like one that was not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from transformers import BertConfig, BertModel, TrainerCallback, set_seed
from transformers.trainer_utils import get_last_checkpoint

from odqa.training.data.training_data import TrainingData
from odqa.training.model.lora import attach, extract
from odqa.training.recipes import DataPart, LoraPart, OptimPart, Recipe
from odqa.training.tasks.base import Task, TrainedModel
from odqa.training.tasks.losses import listwise
from odqa.training.trainer.task_trainer import TaskTrainer, learning_curve, parameter_groups


class _TinyTask(Task):
    """Ranks random token sequences with a random two-layer BERT; dropout is on."""

    metric: ClassVar[str] = "goodness"

    def build(self) -> torch.nn.Module:
        config = BertConfig(
            vocab_size=40,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=16,
        )
        return attach(BertModel(config, add_pooling_layer=False), self.recipe.lora)

    def schedule(self) -> list[list[int]]:
        chance = torch.Generator().manual_seed(3)
        return torch.randint(0, 40, (self.schedule_length, 8), generator=chance).tolist()

    def collate(self, items: Sequence[list[int]]) -> dict[str, Any]:
        return {"ids": torch.tensor(items)}

    def loss(self, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        return listwise(model(input_ids=batch["ids"]).last_hidden_state.sum(-1))

    def evaluate(self, model: torch.nn.Module) -> dict[str, float]:
        assert not model.training
        loss = self.loss(model, {"ids": torch.arange(16).view(2, 8)})
        return {"goodness": -float(loss)}

    def trained(self, model: torch.nn.Module) -> dict[str, TrainedModel]:
        return {"tiny": TrainedModel(extract(model))}


class _Killed(TrainerCallback):
    """Ends the process, so to speak, in the middle of a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            raise KeyboardInterrupt


@pytest.fixture
def task() -> _TinyTask:
    nowhere = Path("nowhere")
    recipe = Recipe(
        name="tiny",
        task="dpr",
        seed=7,
        data=DataPart(root=nowhere, corpus=nowhere, questions=nowhere, qrels=nowhere),
        lora=LoraPart(r=2, alpha=4, dropout=0.2),
        optim=OptimPart(
            steps=6, batch=2, accumulate=2, lr=0.05, evaluate_every=2, patience=9, bf16=False
        ),
    )
    return _TinyTask(recipe, TrainingData({}, {}, []))


def _trainer(task: Task, folder: Path) -> TaskTrainer:
    set_seed(task.recipe.seed)
    return TaskTrainer(task, task.build(), folder)


def test_resuming_gives_the_uninterrupted_result(task: _TinyTask, tmp_path: Path) -> None:
    uninterrupted = _trainer(task, tmp_path / "whole")
    uninterrupted.train()

    killed = _trainer(task, tmp_path / "killed")
    killed.add_callback(_Killed(5))
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    last = get_last_checkpoint(str(tmp_path / "killed"))
    assert last is not None
    assert last.endswith("checkpoint-4")

    resumed = _trainer(task, tmp_path / "killed")
    resumed.train(resume_from_checkpoint=last)
    assert resumed.state.global_step == 6
    expected = extract(uninterrupted.model)
    resumed_tensors = extract(resumed.model)
    assert expected.keys() == resumed_tensors.keys()
    assert all(torch.equal(expected[name], resumed_tensors[name]) for name in expected)
    curves = [learning_curve(t.state.log_history) for t in (uninterrupted, resumed)]
    assert [row["goodness"] for row in curves[0]] == [row["goodness"] for row in curves[1]]


def test_the_best_checkpoint_is_kept_not_the_last(task: _TinyTask, tmp_path: Path) -> None:
    trainer = _trainer(task, tmp_path)
    trainer.train()
    curve = learning_curve(trainer.state.log_history)
    assert [row["step"] for row in curve] == [2, 4, 6]
    best = max(row["goodness"] for row in curve)
    trainer.model.eval()
    with torch.no_grad():
        assert task.evaluate(trainer.model)["goodness"] == pytest.approx(best, abs=1e-6)


def test_checkpoints_hold_only_what_is_trained(task: _TinyTask, tmp_path: Path) -> None:
    from safetensors import safe_open

    _trainer(task, tmp_path).train()
    last = get_last_checkpoint(str(tmp_path))
    with safe_open(f"{last}/model.safetensors", framework="pt") as saved:
        assert all(".lora_" in name for name in saved.keys())  # noqa: SIM118


def test_it_stops_early_when_nothing_gets_better(
    task: _TinyTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "evaluate", lambda model: {"goodness": 0.0})
    task.recipe = task.recipe.model_copy(
        update={"optim": task.recipe.optim.model_copy(update={"patience": 1})}
    )
    trainer = _trainer(task, tmp_path)
    trainer.train()
    assert trainer.state.global_step == 4


def test_the_learning_rate_can_fall_towards_a_later_step(task: _TinyTask, tmp_path: Path) -> None:
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
