"""A task that trains in a tenth of a second, with everything that a checkpoint has to keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from transformers import BertConfig, BertModel

from odqa.training.data.training_data import TrainingData
from odqa.training.model.lora import attach, extract
from odqa.training.recipes import DataPart, LoraPart, OptimPart, Recipe
from odqa.training.tasks.base import Task, TrainedModel
from odqa.training.tasks.losses import listwise


class TinyTask(Task):
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


@pytest.fixture
def task() -> TinyTask:
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
    return TinyTask(recipe, TrainingData({}, {}, []))
