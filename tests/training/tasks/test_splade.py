from __future__ import annotations

from pathlib import Path

import pytest
import torch

from odqa.training.data.training_data import TrainingData
from odqa.training.recipes import DataPart, LoraPart, OptimPart, Recipe
from odqa.training.tasks.losses import flops
from odqa.training.tasks.splade import SpladeSettings, SpladeTask

NOWHERE = Path("nowhere")


def make_task(data: TrainingData, steps: int = 4, **settings: float) -> SpladeTask:
    recipe = Recipe(
        name="splade",
        task="splade",
        seed=1,
        data=DataPart(root=NOWHERE, corpus=NOWHERE),
        negatives={"count": 2, "depth": 5},
        lora=LoraPart(r=2, alpha=4, dropout=0, encoder_dropout=0),
        optim=OptimPart(steps=steps, batch=1, lr=0.1, evaluate_every=1),
        settings=SpladeSettings(sampled=32, **settings).model_dump(),
    )
    return SpladeTask(recipe, data)


def test_flops_by_hand() -> None:
    # Mean weights 1, 0 and 3.
    weights = torch.tensor([[2.0, 0.0, 3.0], [0.0, 0.0, 3.0]])
    assert flops(weights).item() == pytest.approx(1 + 0 + 9)


def test_what_is_trained_and_kept(data: TrainingData) -> None:
    task = make_task(data)
    model = task.build()
    (trained,) = task.trained(model).values()
    head = [key for key in trained.tensors if key.startswith("cls.")]
    # The decoder is the table of word embeddings, which stays as it is.
    assert sorted(head) == [
        "cls.predictions.bias",
        "cls.predictions.transform.LayerNorm.bias",
        "cls.predictions.transform.LayerNorm.weight",
        "cls.predictions.transform.dense.bias",
        "cls.predictions.transform.dense.weight",
    ]
    assert len(trained.tensors) == 72 + 5
    assert trained.config == {"kind": "splade", "prefix": "bert.", "max_length": 192}
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight  # type: ignore[union-attr]


def test_items_know_how_far_the_training_is(data: TrainingData) -> None:
    task = make_task(data, steps=4)
    schedule = task.schedule()
    assert [schedule[i][0] for i in range(len(schedule))] == [0, 0.25, 0.5, 0.75]
    assert task.collate([schedule[1], schedule[2]])["progress"].item() == 0.5


def test_the_penalty_rises_with_the_square_of_the_progress(data: TrainingData) -> None:
    task = make_task(data, query_flops=2.0, passage_flops=3.0, flops_rise=0.5, distill=0.0)
    model = task.build().eval()
    batch = task.collate([task.schedule()[0], task.schedule()[1]])
    with torch.no_grad():
        questions, passages = (
            task._vectors(model, "", batch[k]) for k in ("questions", "passages")
        )
        penalty = 2 * flops(questions) + 3 * flops(passages)
        losses = [
            task.loss(model, {**batch, "progress": torch.tensor(progress)})
            for progress in (0.0, 0.25, 0.5, 1.0)
        ]
    for loss, share in zip(losses, (0, 0.25, 1, 1), strict=True):
        torch.testing.assert_close(loss, losses[0] + share * penalty)
    assert penalty > 0


def test_an_evaluation_names_the_density(data: TrainingData) -> None:
    task = make_task(data, threshold=1.0)
    with torch.no_grad():
        figures = task.evaluate(task.build().eval())
    assert set(figures) == {"R@1", "R@5", "MRR@10", "question terms", "passage terms"}
    assert min(figures["passage terms"], figures["question terms"]) > 1
