"""Weights back into models, on the shipped ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import odqa.models
from odqa.checkpoints.delta import read_delta
from odqa.errors import CheckpointError
from odqa.training.data.training_data import TrainingData
from odqa.training.model.lora import extract
from odqa.training.model.trained_weights import initialise_from, load_trained
from odqa.training.recipes import Recipe
from odqa.training.tasks import task_class
from odqa.training.tasks.base import Task

SHIPPED = Path(odqa.models.__file__).parent


def _task(name: str, kind: Any, *, r: int, alpha: float, **settings: Any) -> Task:
    recipe = Recipe.model_validate(
        {
            "name": name,
            "task": kind,
            "seed": 1,
            "data": {"root": ".", "corpus": "corpus.tsv"},
            "lora": {"r": r, "alpha": alpha},
            "optim": {"steps": 1, "batch": 1, "lr": 1e-3, "evaluate_every": 1},
            "settings": settings,
        }
    )
    return task_class(recipe.task)(recipe, TrainingData({}, {}, []))


def test_a_cross_encoder_starts_from_a_reader_with_a_head_of_its_own() -> None:
    task = _task("ranker", "cross-encoder", r=32, alpha=64)
    torch.manual_seed(0)
    model = task.build()
    fresh = extract(model)
    initialise_from(task, model, SHIPPED / "reader")
    tensors, shipped = extract(model), read_delta(SHIPPED / "reader").tensors
    assert tensors.keys() == fresh.keys() != shipped.keys()
    for name, tensor in tensors.items():
        expected = shipped[name].float() if ".lora_" in name else fresh[name]
        assert torch.equal(tensor, expected), name


def test_a_conditioned_retro_starts_from_one_that_is_not() -> None:
    settings = {"conditioned_layers": (2, 4, 6)}
    task = _task("conditioned", "retro-ranker", r=16, alpha=32, **settings)
    model = task.build()
    fresh = extract(model)
    initialise_from(task, model, SHIPPED / "retro-offline")
    tensors, shipped = extract(model), read_delta(SHIPPED / "retro-offline").tensors
    assert shipped.keys() < tensors.keys()
    for name in tensors.keys() - shipped.keys():
        assert ".cross." in name and torch.equal(tensors[name], fresh[name])
    assert all(torch.equal(tensors[name], tensor.float()) for name, tensor in shipped.items())


@pytest.mark.parametrize(
    ("kind", "r", "alpha", "message"),
    [
        ("cross-encoder", 16, 32, r"has shape \[32, .*instead of \[16, .*use the lora.r"),
        ("cross-encoder", 32, 32, r"scaled by 64/32, the recipe's by 32/32.*use the lora.alpha"),
        ("retro-ranker", 32, 64, r"'bert\.encoder.*which this task's model does not have"),
    ],
)
def test_weights_that_cannot_be_started_from(kind: str, r: int, alpha: float, message: str) -> None:
    task = _task("other", kind, r=r, alpha=alpha)
    model = task.build()
    before = {name: tensor.clone() for name, tensor in extract(model).items()}
    with pytest.raises(CheckpointError, match=message):
        initialise_from(task, model, SHIPPED / "reader")
    assert all(torch.equal(before[name], tensor) for name, tensor in extract(model).items())


def test_what_is_evaluated_must_be_all_there() -> None:
    task = _task("ranker", "cross-encoder", r=32, alpha=64)
    with pytest.raises(CheckpointError, match="weights of another model"):
        load_trained(task, task.build(), SHIPPED / "reader")
