from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.build import build_checkpoint
from odqa.checkpoints.delta import read_delta
from odqa.training.data.training_data import TrainingData
from odqa.training.model.trained_weights import initialise_from, load_trained
from odqa.training.recipes import DataPart, NegativePart, OptimPart, Recipe, TaskName
from odqa.training.tasks import task_class
from odqa.training.tasks.word_ranker import WordRankerTask
from odqa.word_models.drmm import DrmmModel
from odqa.word_models.knrm import KnrmModel

NOWHERE = Path("nowhere")
CPU = torch.device("cpu")


def make_task(name: TaskName, data: TrainingData, **settings: Any) -> WordRankerTask:
    kind = task_class(name)
    recipe = Recipe(
        name=name,
        task=name,
        seed=1,
        data=DataPart(root=NOWHERE, corpus=NOWHERE),
        negatives=NegativePart(count=2),
        optim=OptimPart(steps=4, batch=2, lr=0.01, evaluate_every=1),
        settings=kind.Settings(dim=16, evaluated=5, **settings).model_dump(),
    )
    task = kind(recipe, data)
    assert isinstance(task, WordRankerTask)
    return task


LOADED: dict[TaskName, type[KnrmModel] | type[DrmmModel]] = {"knrm": KnrmModel, "drmm": DrmmModel}


@pytest.mark.parametrize("name", list(LOADED))
def test_the_checkpoint_scores_as_the_trained_model(
    name: TaskName, data: TrainingData, tmp_path: Path
) -> None:
    task = make_task(name, data)
    torch.manual_seed(3)
    model = task.build().eval()
    (trained,) = task.trained(model).values()
    task.write(tmp_path / "delta", name, trained, [{"step": 1, "MRR@10": 0.5}])
    assert "stored in float16" in (tmp_path / "delta" / "card.md").read_text("utf-8")
    # As stored, in half precision.
    load_trained(task, model, tmp_path / "delta")
    (tmp_path / "whole").mkdir()
    build_checkpoint(base_model_dir(), read_delta(tmp_path / "delta"), tmp_path / "whole")
    loaded = LOADED[name].load(tmp_path / "whole", name, CPU)
    labelled = data.validation[0]
    hits = data.candidates[labelled.question.id]
    with torch.no_grad():
        ranked = task.rank(model, labelled, hits)
    (question,) = loaded.words.ids([labelled.question.text])
    texts = [data.passages[hit.passage_id].full_text for hit in ranked]
    assert loaded.scores(question, loaded.words.ids(texts)) == pytest.approx(
        [hit.score for hit in ranked], abs=1e-5
    )


@pytest.mark.parametrize("loss", ["hinge", "listwise"])
@pytest.mark.parametrize("name", list(LOADED))
def test_a_training_step_raises_the_gold_passage(
    name: TaskName, loss: str, data: TrainingData
) -> None:
    task = make_task(name, data, loss=loss)
    torch.manual_seed(3)
    model = task.build()
    schedule = task.schedule()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 0.01)
    losses = []
    for _ in range(8):
        value = task.loss(model, task.collate([schedule[i] for i in range(4)]))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert losses[-1] < losses[0]


def test_the_retrievers_score_counts_beside(data: TrainingData) -> None:
    task = make_task("knrm", data, prior=100.0)
    with torch.no_grad():
        model = task.build().eval()
        hits = data.candidates["q4"]
        assert task.rank(model, data.validation[0], hits) != hits
        ranked = [hit.passage_id for hit in task.rank(model, data.validation[0], hits)]
    assert ranked == [hit.passage_id for hit in hits]
    assert task.rank(model, data.validation[0], []) == []


def test_a_training_goes_on_from_another(data: TrainingData, tmp_path: Path) -> None:
    task = make_task("knrm", data)
    torch.manual_seed(3)
    (trained,) = task.trained(task.build()).values()
    task.write(tmp_path, "knrm", trained, [])
    torch.manual_seed(4)
    model = task.build()
    initialise_from(task, model, tmp_path)
    for key, tensor in task.tensors(model).items():
        assert torch.equal(tensor, trained.tensors[key].half().float())
