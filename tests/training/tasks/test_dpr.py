from __future__ import annotations

from pathlib import Path

import pytest
import torch

from odqa.training.data.training_data import TrainingData
from odqa.training.recipes import DataPart, LoraPart, OptimPart, Recipe, TaskName
from odqa.training.tasks import task_class
from odqa.training.tasks.dpr import DprTask

NOWHERE = Path("nowhere")


def made(name: TaskName, data: TrainingData) -> DprTask:
    recipe = Recipe(
        name=name,
        task=name,
        seed=1,
        data=DataPart(root=NOWHERE, corpus=NOWHERE),
        lora=LoraPart(r=2, alpha=4, dropout=0, encoder_dropout=0),
        optim=OptimPart(steps=1, batch=2, lr=0.1, evaluate_every=1),
        settings=task_class(name).Settings().model_dump(),
    )
    task = task_class(name)(recipe, data)
    assert isinstance(task, DprTask)
    return task


@pytest.mark.parametrize(
    ("name", "kept"),
    [("dpr", ["dpr-passage", "dpr-question"]), ("sentence", ["sentence"])],
)
def test_a_model_is_kept_for_each_encoder(
    name: TaskName, kept: list[str], data: TrainingData
) -> None:
    task = made(name, data)
    found = task.trained(task.build())
    assert sorted(found) == kept
    for model in found.values():
        # Names of the base model: six layers of six linear maps, two factors each.
        assert len(model.tensors) == 72
        assert all(key.startswith("encoder.layer.") for key in model.tensors)
        assert model.config["kind"] == name


def test_one_encoder_changes_for_questions_and_passages_alike(data: TrainingData) -> None:
    changed = {}
    for name in ("dpr", "sentence"):
        task = made(name, data)
        model = task.build()
        side = task.sides[1]
        with torch.no_grad():
            for key, weight in model.named_parameters():
                if key.startswith(f"{side}.") and "lora_B" in key:
                    weight.fill_(0.1)
            text = task._encode(["Rome is in Italy"], 16)
            question, passage = (task._vectors(model, each, text)[0] for each in task.sides)
        changed[name] = torch.equal(question, passage)
    assert changed == {"dpr": False, "sentence": True}
