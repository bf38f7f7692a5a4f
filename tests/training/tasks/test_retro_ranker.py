from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from odqa.cache import Cache
from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.delta import read_delta, write_delta
from odqa.checkpoints.retro import build_retro
from odqa.data.corpus import Corpus
from odqa.rankers.retro import RetroRanker, RetroRankerConfig
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.training_data import TrainingData
from odqa.training.recipes import Recipe
from odqa.training.tasks.retro_ranker import RetroRankerTask
from odqa.types import Hit, Passage, Question

PASSAGES = [
    Passage("p0", "The Thames flows through London and into the North Sea.", "Thames"),
    Passage("p1", "Thomas Newcomen built an engine in 1712 that pumped water.", "Engine"),
    Passage("p2", "Emma is a novel that Jane Austen published in 1815.", "Emma"),
    Passage("p3", "The Severn is the longest river of Great Britain.", "Severn"),
]
TRAIN = [
    LabelledQuestion(Question("t0", "which river flows through london", ("Thames",)), "p0", "nq"),
    LabelledQuestion(Question("t1", "who wrote emma", ("Jane Austen",)), "p2", "nq"),
]
HITS = [Hit(passage.id, 0.5) for passage in PASSAGES]


def make(conditioned: tuple[int, ...] = (3,), **settings: Any) -> RetroRankerTask:
    recipe = Recipe.model_validate(
        {
            "name": "retro",
            "task": "retro-ranker",
            "seed": 3,
            "data": {"root": ".", "corpus": "c", "questions": "q", "qrels": "r"},
            "negatives": {"count": 3, "depth": 4},
            "lora": {"r": 2, "alpha": 4, "dropout": 0.0},
            "optim": {"steps": 2, "batch": 2, "lr": 1e-3, "evaluate_every": 1},
            "settings": {
                "cross_layers": [3, 6],
                "conditioned_layers": list(conditioned),
                "max_length": 24,
                "per_forward": 3,
                **settings,
            },
        }
    )
    hits = {example.question.id: HITS for example in TRAIN}
    passages = {passage.id: passage for passage in PASSAGES}
    return RetroRankerTask(recipe, TrainingData(passages, {"nq": TRAIN}, TRAIN, hits))


def batch(task: RetroRankerTask) -> dict[str, Any]:
    schedule = task.schedule()
    return task.collate([schedule[0], schedule[1]])


@pytest.fixture(scope="module")
def trained() -> tuple[RetroRankerTask, nn.Module]:
    """A model whose low-rank changes and head are no longer zero."""
    task = make()
    torch.manual_seed(0)
    model = task.build()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and (".lora_B" in name or "score_head" in name):
                parameter.normal_(std=0.05)
    return task, model.eval()


@pytest.mark.parametrize("readout", ["last", "mean"])
def test_training_and_ranking_give_the_same_scores(
    trained: tuple[RetroRankerTask, nn.Module], tmp_path: Path, readout: str
) -> None:
    task, model = make(readout=readout), trained[1]
    with torch.no_grad():
        task_scores = {hit.passage_id: hit.score for hit in task.rank(model, TRAIN[0], HITS)}
    (trained,) = task.trained(model).values()
    write_delta(
        tmp_path / "delta", trained.tensors, {**trained.config, "lora": {"r": 2, "alpha": 4.0}}
    )
    (tmp_path / "model").mkdir()
    build_retro(base_model_dir(), read_delta(tmp_path / "delta"), tmp_path / "model")
    ranker = RetroRanker(RetroRankerConfig(checkpoint=str(tmp_path / "model")))
    ranker.prepare(Corpus.from_passages(PASSAGES), Cache(tmp_path / "cache"))
    (ranked,) = ranker.rank([TRAIN[0].question], [HITS], 4)
    # The change is kept in float16.
    for hit in ranked:
        assert hit.score == pytest.approx(task_scores[hit.passage_id], abs=0.02)
    assert np.ptp(list(task_scores.values())) > 0.5


def test_rank_falls_and_evaluate_counts(trained: tuple[RetroRankerTask, nn.Module]) -> None:
    task, model = trained
    with torch.no_grad():
        ranked = task.rank(model, TRAIN[0], HITS)
        figures = task.evaluate(model)
    scores = [hit.score for hit in ranked]
    assert scores == sorted(scores, reverse=True)
    names = {"R@1", "R@5", "MRR@10"}
    assert set(figures) == names | {f"head {name}" for name in names}
    assert figures["R@5"] == 1.0
    with torch.no_grad():
        alone = make(similarity=0.0).evaluate(model)
        _, by_head = task._orders(model, TRAIN[0].question, HITS)
        assert by_head == make(similarity=0.0).rank(model, TRAIN[0], HITS)
    assert by_head != ranked
    assert alone == {name: figures[f"head {name}"] for name in names}


def test_only_the_changes_and_the_new_parts_are_trained() -> None:
    names = [n for n, p in make().build().named_parameters() if p.requires_grad]
    fully_trained = {n for n in names if ".lora_" not in n}
    parts = ("cross.norm", "cross.source_norm", "cross.gate", "score_head")
    assert all(any(part in n for part in parts) for n in fully_trained)
    assert "score_head.weight" in fully_trained
    assert "decoder.blocks.2.cross.gate.weight" in fully_trained
    for layer in (
        "decoder.blocks.0.self_attention.q_proj",
        "decoder.blocks.5.cross.attention.v_proj",
        "encoder.blocks.2.cross.attention.o_proj",
        "encoder.blocks.5.ffw.down_proj",
    ):
        assert f"{layer}.lora_A.default.weight" in names


def test_a_step_reaches_every_part() -> None:
    """The second step: in the first the head is zero and passes nothing on."""
    task = make(similarity=0.0)
    model = task.build().train()
    torch.nn.init.normal_(model.score_head.weight, std=0.02)
    items = batch(task)
    task.loss(model, items).backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and (name.endswith("lora_B.default.weight") or "gate" in name):
            assert parameter.grad is not None, name
            # The last state is read out alone, so nothing before a softmax of one key is lost.
            assert parameter.grad.abs().max() > 0, name


def test_it_learns_and_the_teacher_pulls() -> None:
    task = make()
    torch.manual_seed(0)
    model = task.build().train()
    items = batch(task)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=1e-3)
    losses = []
    for _ in range(8):
        optimiser.zero_grad()
        loss = task.loss(model, items)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    against = dict(items, teacher_scores=torch.tensor([[0.0, 9.0, 0.0, 0.0]] * 2))
    with torch.no_grad():
        assert float(task.loss(model, against)) > losses[-1] + 1


def test_the_head_alone_has_a_loss_of_its_own(trained: tuple[RetroRankerTask, nn.Module]) -> None:
    items, losses = batch(trained[0]), {}
    for weight, similarity in ((0.0, 20.0), (0.5, 20.0), (0.0, 0.0)):
        task = make(head_alone=weight, similarity=similarity)
        with torch.no_grad():
            losses[weight, similarity] = task.loss(trained[1], items).item()
    expected = losses[0.0, 20.0] + 0.5 * losses[0.0, 0.0]
    assert losses[0.5, 20.0] == pytest.approx(expected, rel=1e-4)


def test_a_prior_is_added_to_the_loss_and_to_the_order(
    trained: tuple[RetroRankerTask, nn.Module],
) -> None:
    """As a ranker with ``alpha`` adds it; the loss of the head alone stays without it."""
    plain, beside = make(head_alone=0.5), make(head_alone=0.5, prior=20.0)
    hits = [Hit(hit.passage_id, 0.1 * i) for i, hit in enumerate(HITS)]
    with torch.no_grad():
        before = {h.passage_id: h.score for h in plain.rank(trained[1], TRAIN[0], hits)}
        after = beside.rank(trained[1], TRAIN[0], hits)
        _, by_head = beside._orders(trained[1], TRAIN[0].question, hits)
        assert by_head == plain._orders(trained[1], TRAIN[0].question, hits)[1]
        expected = {h.passage_id: before[h.passage_id] + 20 * h.score for h in hits}
        assert {h.passage_id: h.score for h in after} == pytest.approx(expected, abs=1e-4)
        assert [h.score for h in after] == sorted((h.score for h in after), reverse=True)

        items = batch(beside)
        head, similar = beside._scores(trained[1], items)
        scores = head + similar + 20 * items["retriever_scores"]
        loss = torch.nn.functional.cross_entropy(scores, torch.zeros(2, dtype=torch.long))
        loss += 0.5 * torch.nn.functional.cross_entropy(head, torch.zeros(2, dtype=torch.long))
        assert beside.loss(trained[1], items).item() == pytest.approx(loss.item(), rel=1e-5)


def test_unconditioned_encodings_do_not_depend_on_the_question() -> None:
    from odqa.retro.model.model import RetroModel

    for conditioned, is_conditioned in (((), False), ((3,), True)):
        model = make(conditioned).build()
        assert isinstance(model, RetroModel)
        assert model.config.conditioned is is_conditioned
