from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.build import build_checkpoint
from odqa.checkpoints.delta import read_delta
from odqa.training.data.training_data import TrainingData
from odqa.training.model.trained_weights import load_trained
from odqa.training.recipes import DataPart, NegativePart, OptimPart, Recipe, TaskName
from odqa.training.tasks import task_class
from odqa.training.tasks.dssm import DssmTask
from odqa.training.tasks.snrm import SnrmTask
from odqa.training.tasks.word_retriever import WordRetrieverTask
from odqa.word_models.dssm import DssmModel
from odqa.word_models.snrm import SnrmModel

NOWHERE = Path("nowhere")
CPU = torch.device("cpu")
SMALL: dict[TaskName, dict[str, Any]] = {
    "dssm": {"layers": (16, 12, 8), "least": 1},
    "snrm": {"dim": 8, "terms": 30},
}


def make_task(name: TaskName, data: TrainingData, **settings: Any) -> WordRetrieverTask:
    kind = task_class(name)
    recipe = Recipe(
        name=name,
        task=name,
        seed=1,
        data=DataPart(root=NOWHERE, corpus=NOWHERE),
        negatives=NegativePart(count=2),
        optim=OptimPart(steps=4, batch=2, lr=0.01, evaluate_every=1),
        settings=kind.Settings(**{**SMALL[name], "evaluated": 5, **settings}).model_dump(),
    )
    task = kind(recipe, data)
    assert isinstance(task, WordRetrieverTask)
    return task


def encoded(folder: Path, name: TaskName, texts: list[str]) -> np.ndarray:
    """Vectors of texts by the checkpoint, latent terms with their zeros."""
    if name == "dssm":
        return DssmModel.load(folder, name, CPU, 2).encode(texts)
    model = SnrmModel.load(folder, name, CPU, 2)
    shard = model.encode(texts, texts, "passage")
    out = np.zeros((len(texts), model.settings.terms), np.float32)
    rows = np.repeat(np.arange(len(texts)), shard.counts)
    out[rows, shard.vectors[:, 0].astype(int)] = shard.vectors[:, 1]
    return out


@pytest.mark.parametrize("name", list(SMALL))
def test_the_checkpoint_encodes_as_the_trained_model(
    name: TaskName, data: TrainingData, tmp_path: Path
) -> None:
    task = make_task(name, data)
    torch.manual_seed(3)
    model = task.build().eval()
    (trained,) = task.trained(model).values()
    task.write(tmp_path / name, name, trained, [{"step": 1, "MRR@10": 0.5}])
    # As stored, in half precision.
    load_trained(task, model, tmp_path)
    (tmp_path / "whole").mkdir()
    build_checkpoint(base_model_dir(), read_delta(tmp_path / name), tmp_path / "whole")
    texts = [passage.full_text for passage in data.passages.values()]
    with torch.no_grad():
        expected = model(**task.inputs(texts)).numpy()
    assert expected.any()
    assert encoded(tmp_path / "whole", name, texts) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", list(SMALL))
def test_a_training_step_raises_the_gold_passage(name: TaskName, data: TrainingData) -> None:
    task = make_task(name, data)
    torch.manual_seed(3)
    model = task.build()
    schedule = task.schedule()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 0.01)
    losses = []
    for _ in range(10):
        value = task.loss(model, task.collate([schedule[i] for i in range(4)]))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert losses[-1] < losses[0]


def test_dssm_learns_the_posterior_by_hand(data: TrainingData) -> None:
    task = make_task("dssm", data, gamma=3.0)

    class Fixed(torch.nn.Module):
        """A question along x; passages with cosines 1, 0 and -1."""

        def forward(self, starts: torch.Tensor, **_: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])[: len(starts)]

    schedule = task.schedule()
    loss = task.loss(Fixed(), task.collate([schedule[0]]))
    posterior = math.exp(3) / (math.exp(3) + 1 + math.exp(-3))
    assert float(loss) == pytest.approx(-math.log(posterior), abs=1e-6)


def test_dssm_begins_near_the_cosines_of_weighted_trigrams(data: TrainingData) -> None:
    task = make_task("dssm", data, layers=(300, 300, 128))
    assert isinstance(task, DssmTask)
    torch.manual_seed(0)
    with torch.no_grad():
        first, same, other = task.build()(**task.inputs(["red house", "house red", "black barn"]))
    assert float(first @ same) == pytest.approx(1.0, abs=1e-5)
    assert float(first @ other) < 0.5


def test_snrm_begins_with_a_latent_term_for_each_frequent_word(data: TrainingData) -> None:
    task = make_task("snrm", data, dim=64, terms=30)
    assert isinstance(task, SnrmTask)
    torch.manual_seed(0)
    with torch.no_grad():
        red, green, both, neither = task.build()(
            **task.inputs(["red", "green", "red green", "of the"])
        )
    assert red.argmax() != green.argmax()
    assert set(both.topk(2).indices.tolist()) == {int(red.argmax()), int(green.argmax())}
    assert not neither.any()


def test_snrm_pays_for_length(data: TrainingData) -> None:
    losses = []
    for weight in (0.0, 0.5):
        task = make_task("snrm", data, l1=weight)
        torch.manual_seed(0)
        model = task.build()
        batch = task.collate([task.schedule()[0]])
        losses.append(task.loss(model, batch).item())
        questions, passages = task.vectors(model, batch)
    length = (questions.abs().sum(-1).mean() + passages.abs().sum(-1).mean()).item()
    assert losses[1] - losses[0] == pytest.approx(0.5 * length, rel=1e-5)
    figures = task.evaluate(model)
    assert 0 < figures["question density"] < 1
