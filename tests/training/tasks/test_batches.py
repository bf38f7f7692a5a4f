"""What the tasks make of training instances, and how their losses see it."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from odqa.training.data.instances import TrainingInstance, make_instance
from odqa.training.data.training_data import TrainingData
from odqa.training.recipes import DataPart, OptimPart, Recipe, TaskName
from odqa.training.tasks import Task, task_class
from odqa.training.tasks.cross_encoder import CrossEncoderTask
from odqa.types import Hit, Passage, Question


def _task(name: TaskName, data: TrainingData, **settings: float) -> Task:
    nowhere = Path("nowhere")
    recipe = Recipe(
        name="tiny",
        task=name,
        seed=7,
        data=DataPart(root=nowhere, corpus=nowhere, questions=nowhere, qrels=nowhere),
        optim=OptimPart(steps=2, batch=2, lr=1e-3, evaluate_every=1, bf16=False),
        settings=settings,
    )
    return task_class(name)(recipe, data)


def _instances(data: TrainingData) -> list[TrainingInstance]:
    first, second, *_ = data.train["nq"]
    data.teacher_scores = {"q1": {"p1": 2.0, "p2": 0.0}}
    # The first question's accepted answer is in c0, a negative of the second.
    return [
        make_instance(data, first, ["p3"], 9),
        make_instance(data, second, ["p2"], 9),
    ]


class SameVectors(torch.nn.Module):
    """Every token vector is the same: all passages score alike."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return torch.full((*input_ids.shape, 4), 0.5)


class SameLogits(torch.nn.Module):
    """A classifier that gives every pair the same logit."""

    def forward(self, input_ids: torch.Tensor, **_: torch.Tensor) -> Any:
        return SimpleNamespace(logits=torch.zeros(len(input_ids), 1))


@pytest.mark.parametrize("name", ["colbert", "dpr", "sentence"])
def test_what_answers_another_question_of_the_batch_is_no_negative_of_it(
    name: TaskName, data: TrainingData
) -> None:
    first, second, *_ = data.train["nq"]
    instances = [
        make_instance(data, first, ["p3"], 9),
        make_instance(data, second, ["c0"], 9),
    ]
    batch = _task(name, data).collate(instances)
    # Passages of the batch: p0 p3 | p1 c0. c0 says "red", the answer to the first question.
    assert batch["excluded"].tolist() == [[False, False, False, True], [False] * 4]


@pytest.mark.parametrize("name", ["colbert", "dpr", "sentence"])
def test_instances_without_a_teacher_are_marked(name: TaskName, data: TrainingData) -> None:
    teacher = _task(name, data).collate(_instances(data))["teacher_scores"]
    assert teacher[0].isnan().all()
    assert teacher[1].tolist() == [2.0, 0.0]


def test_colbert_queries_are_marked_and_filled_with_masks(data: TrainingData) -> None:
    task = _task("colbert", data)
    queries = task.collate(_instances(data))["queries"]
    tokens = task.tokenizer.convert_ids_to_tokens(queries["input_ids"][0].tolist())
    assert tokens[:2] == ["[CLS]", "[unused0]"]
    assert len(tokens) == 32
    assert tokens[-1] == "[MASK]"
    assert queries["attention_mask"][0].sum() == 32 - tokens.count("[MASK]")


def test_colbert_passages_lose_punctuation_and_padding(data: TrainingData) -> None:
    task = _task("colbert", data)
    for bucket in task.collate(_instances(data))["passages"]["buckets"]:
        for ids, keep in zip(bucket["input_ids"].tolist(), bucket["keep"].tolist(), strict=True):
            tokens = task.tokenizer.convert_ids_to_tokens(ids)
            assert tokens[1] == "[unused1]"
            dropped = {token for token, is_kept in zip(tokens, keep, strict=True) if not is_kept}
            assert dropped <= {".", "[PAD]"}
            assert "." in dropped


def test_colbert_loss_is_cross_entropy_plus_divergence(data: TrainingData) -> None:
    task = _task("colbert", data)
    batch = task.collate(_instances(data))

    # Four passages a question; the teacher of the second says 2 : 0.
    p = 1 / (1 + math.exp(-2.0))
    divergence = p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))
    loss = task.loss(SameVectors(), batch).item()
    assert loss == pytest.approx(math.log(4) + divergence, abs=1e-5)


def test_a_prior_is_added_to_what_the_models_say(data: TrainingData) -> None:
    # Candidates are c0 p0 p1 p2 p3 … with 1.0, 0.9, 0.8, 0.7, 0.6 …; the instances are p0 p3 and
    # p1 p2. Where the models are indifferent, the retriever's score decides: by 3 and by 1.
    instances = _instances(data)
    listed = (math.log1p(math.exp(-3.0)) + math.log1p(math.exp(-1.0))) / 2
    # The teacher of the second question says 2 : 0, the retriever's score alone 1 : 0.
    p, q = (1 / (1 + math.exp(-x)) for x in (2.0, 1.0))
    divergence = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    task = _task("cross-encoder", data, prior=10.0, distill=0.5)
    loss = task.loss(SameLogits(), task.collate(instances)).item()
    assert loss == pytest.approx(listed + 0.5 * divergence, abs=1e-5)

    task = _task("colbert", data, prior=10.0)
    loss = task.loss(SameVectors(), task.collate(instances)).item()
    assert loss == pytest.approx(math.log(4) + listed + divergence, abs=1e-5)


def test_ranking_adds_the_prior_too(data: TrainingData) -> None:
    labelled = data.train["nq"][0]
    hits = [Hit("p2", 0.1), Hit("p1", 0.3), Hit("p0", 0.2)]
    task = _task("cross-encoder", data, prior=10.0)
    assert isinstance(task, CrossEncoderTask)
    ranked = task.rank(SameLogits(), labelled, hits)
    assert [hit.passage_id for hit in ranked] == ["p1", "p0", "p2"]
    assert [hit.score for hit in ranked] == pytest.approx([3.0, 2.0, 1.0])


def test_reader_targets_answers_in_gold_passages_and_cls_elsewhere(
    data: TrainingData,
) -> None:
    task = _task("reader", data)
    item = TrainingInstance(
        Question("x", "which colour has house 1", ("green",)),
        (data.passages["p1"], Passage("n", "Nothing here.", "Field")),
    )
    rows = {}
    for bucket in task.collate([item])["buckets"]:
        for ids, first, last in zip(
            bucket["input_ids"],
            bucket["start_targets"].tolist(),
            bucket["end_targets"].tolist(),
            strict=True,
        ):
            tokens = task.tokenizer.convert_ids_to_tokens(ids)
            rows["field" in tokens] = (
                [t for t, is_first in zip(tokens, first, strict=True) if is_first],
                [t for t, is_last in zip(tokens, last, strict=True) if is_last],
            )
    assert rows == {False: (["green"], ["green"]), True: (["[CLS]"], ["[CLS]"])}


def test_a_gold_passage_without_the_answer_gives_no_row(data: TrainingData) -> None:
    task = _task("reader", data)
    item = TrainingInstance(
        Question("x", "which colour has house 1", ("purple",)),
        (data.passages["p1"], data.passages["p2"]),
    )
    assert sum(len(bucket["start_targets"]) for bucket in task.collate([item])["buckets"]) == 1
