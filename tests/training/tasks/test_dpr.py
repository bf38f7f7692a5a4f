from __future__ import annotations

from pathlib import Path

import pytest
import torch

from odqa.training.data.training_data import TrainingData
from odqa.training.recipes import DataPart, LoraPart, OptimPart, Recipe, TaskName
from odqa.training.tasks import task_class
from odqa.training.tasks.dpr import DprTask

NOWHERE = Path("nowhere")


def make_task(name: TaskName, data: TrainingData) -> DprTask:
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
    ("name", "names"),
    [("dpr", ["dpr-passage", "dpr-question"]), ("sentence", ["sentence"])],
)
def test_a_model_is_kept_for_each_encoder(
    name: TaskName, names: list[str], data: TrainingData
) -> None:
    task = make_task(name, data)
    trained = task.trained(task.build())
    assert sorted(trained) == names
    for model in trained.values():
        # Names of the base model: six layers of six linear maps, two factors each.
        assert len(model.tensors) == 72
        assert all(key.startswith("encoder.layer.") for key in model.tensors)
        assert model.config["kind"] == name


def test_one_encoder_changes_for_questions_and_passages_alike(data: TrainingData) -> None:
    changed = {}
    for name in ("dpr", "sentence"):
        task = make_task(name, data)
        model = task.build()
        side = task.sides[1]
        with torch.no_grad():
            for key, weight in model.named_parameters():
                if key.startswith(f"{side}.") and "lora_B" in key:
                    weight.fill_(0.1)
            text = task._encode(["Rome is in Italy"], 16)
            question, passage = (task._vectors(model, side, text)[0] for side in task.sides)
        changed[name] = torch.equal(question, passage)
    assert changed == {"dpr": False, "sentence": True}
