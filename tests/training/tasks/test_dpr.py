from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.training_data import TrainingData
from odqa.training.recipes import DataPart, LoraPart, OptimPart, Recipe, TaskName
from odqa.training.tasks import task_class
from odqa.training.tasks.dpr import DprTask
from odqa.training.tasks.losses import marginal, own_passages
from odqa.types import Hit

NOWHERE = Path("nowhere")


def make_task(name: TaskName, data: TrainingData, **settings: Any) -> DprTask:
    recipe = Recipe(
        name=name,
        task=name,
        seed=1,
        data=DataPart(root=NOWHERE, corpus=NOWHERE),
        lora=LoraPart(r=2, alpha=4, dropout=0, encoder_dropout=0),
        optim=OptimPart(steps=1, batch=2, lr=0.1, evaluate_every=1),
        settings=task_class(name).Settings(**settings).model_dump(),
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


def test_sources_have_pools_and_figures_of_their_own(data: TrainingData) -> None:
    first, second = data.validation
    data.validation = [first, LabelledQuestion(second.question, second.gold_id, "reading")]
    data.candidates = {
        first.question.id: [Hit("c0", 1.0), Hit(first.gold_id, 0.9)],
        second.question.id: [Hit("p0", 1.0), Hit("p1", 0.9)],
    }
    task = make_task("sentence", data)
    model = task.build().eval()
    with torch.no_grad():
        ranked = task.rank_all(model, data.validation, 9)
    found = {question: {hit.passage_id for hit in hits} for question, hits in ranked.items()}
    assert found[first.question.id] == {"c0", first.gold_id}
    assert found[second.question.id] == {"p0", "p1", second.gold_id}
    # The gold passage first for one of the two, second for the other.
    orders = {
        first.question.id: [Hit(first.gold_id, 2.0), Hit("c0", 1.0)],
        second.question.id: [Hit("p0", 2.0), Hit(second.gold_id, 1.0)],
    }
    figures = task.figures(orders)
    assert figures["MRR@10"] == 0.75
    assert (figures["nq MRR@10"], figures["reading MRR@10"]) == (1.0, 0.5)


@pytest.mark.parametrize("name", ["dpr", "sentence", "splade"])
def test_a_marginal_without_labels_is_all_that_is_learnt(
    name: TaskName, data: TrainingData
) -> None:
    data.teacher_scores = {
        row.question.id: {pid: -float(i) for i, pid in enumerate(sorted(data.passages), 1)}
        for row in data.train["nq"]
    }
    penalty = {"query_flops": 0.0, "passage_flops": 0.0, "sampled": 32} if name == "splade" else {}
    task = make_task(name, data, objective="marginal", labels=0.0, distill=3.0, **penalty)
    model = task.build().eval()
    schedule = task.schedule()
    batch = task.collate([schedule[0], schedule[1]])
    assert not batch["teacher_scores"].isnan().any()
    with torch.no_grad():
        sides = zip(task.sides, ("questions", "passages"), strict=True)
        questions, passages = (task._vectors(model, side, batch[part]) for side, part in sides)
        scores = task.settings.scale * (questions @ passages.T)
        own = own_passages(scores, batch["teacher_scores"].shape[1])
        expected = 3.0 * float(marginal(own, batch["teacher_scores"]))
        assert float(task.loss(model, batch)) == pytest.approx(expected, rel=1e-4)
