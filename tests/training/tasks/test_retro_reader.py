from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from odqa.cache import Cache
from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.delta import (
    read_delta,
    write_delta,
)
from odqa.checkpoints.retro import build_retro
from odqa.data.corpus import Corpus
from odqa.errors import DataError
from odqa.readers.retro import RetroReader, RetroReaderConfig
from odqa.retro.rank.scorer import RetroScorer
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.reader_instances import ReaderInstance
from odqa.training.data.training_data import TrainingData
from odqa.training.recipes import Recipe
from odqa.training.tasks.retro_reader import RetroReaderTask
from odqa.training.tasks.retro_reader_loss import token_losses
from odqa.types import Hit, Passage, Question

PASSAGES = [
    Passage("p0", "The Thames flows through London and into the North Sea.", "Thames"),
    Passage("p1", "Thomas Newcomen built an engine in 1712 that pumped water.", "Engine"),
    Passage("p2", "Emma is a novel that Jane Austen published in 1815.", "Emma"),
    Passage("p3", "The Severn is the longest river of Great Britain.", "Severn"),
]
TRAIN = [
    LabelledQuestion(Question("t0", "which sea does the thames reach", ("North Sea",)), "p0", "nq"),
    LabelledQuestion(Question("t1", "who wrote emma", ("Austen, Jane", "jane austen")), "p2", "nq"),
    LabelledQuestion(Question("t2", "who built the channel", ("nobody knows",)), "p3", "nq"),
]


def make(**settings: Any) -> RetroReaderTask:
    recipe = Recipe.model_validate(
        {
            "name": "retro-reader",
            "task": "retro-reader",
            "seed": 3,
            "data": {"root": ".", "corpus": "c", "questions": "q", "qrels": "r"},
            "negatives": {"count": 1, "depth": 4},
            "lora": {"r": 2, "alpha": 4, "dropout": 0.0},
            "optim": {"steps": 40, "batch": 2, "lr": 1e-3, "evaluate_every": 1, "bf16": False},
            "settings": {
                "cross_layers": [3, 6],
                "conditioned_layers": [5],
                "chunk_length": 16,
                "max_length": 24,
                "copied": 4,
                **settings,
            },
        }
    )
    hits = {
        example.question.id: [Hit(passage.id, 0.5) for passage in PASSAGES] for example in TRAIN
    }
    passages = {passage.id: passage for passage in PASSAGES}
    return RetroReaderTask(recipe, TrainingData(passages, {"nq": TRAIN}, TRAIN[:2], hits))


def instance(labelled: LabelledQuestion, *passages: Passage) -> ReaderInstance:
    gold = next(passage for passage in PASSAGES if passage.id == labelled.gold_id)
    return ReaderInstance(labelled.question, gold, passages)


@pytest.fixture(scope="module")
def built() -> tuple[RetroReaderTask, nn.Module]:
    """A model whose low-rank changes are no longer zero."""
    task = make(pointing=0.0)
    torch.manual_seed(0)
    model = task.build()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and ".lora_B" in name:
                parameter.normal_(std=0.02)
    return task, model.eval()


def test_the_target_is_the_first_answer_seen_in_the_passage() -> None:
    task = make()
    assert [task.target(example) for example in TRAIN] == ["North Sea", "Jane Austen", ""]
    # "Thames The Thames flows through London and into the North Sea", with markers 13 tokens.
    assert make(max_length=16).target(TRAIN[0]) == "North Sea"
    long = LabelledQuestion(Question("t", "q", ("Sea",)), "p0", "nq")
    task.data.passages["p0"] = Passage("p0", "word " * 30 + "Sea")
    assert task.target(long) == ""
    assert make(max_answer_tokens=1).target(TRAIN[0]) == ""


def test_instances_are_fixed_and_of_all_kinds() -> None:
    schedule = make(closed_book=0.3, with_negatives=0.5).schedule()
    again = make(closed_book=0.3, with_negatives=0.5).schedule()
    items = [schedule[i] for i in range(len(schedule))]
    assert items == [again[i] for i in range(len(again))]
    # The question without a usable answer is left out.
    assert {item.question.id for item in items} == {"t0", "t1"}
    assert {len(item.passages) for item in items} == {0, 1, 2}
    assert {item.gold_position for item in items if len(item.passages) == 2} == {0, 1}
    assert all(item.gold in item.passages for item in items if item.passages)
    with pytest.raises(DataError, match="no question") as caught:
        make(longest=5).schedule()
    assert "raise settings.longest" in caught.value.line()


def test_what_is_predicted_can_be_copied_from_where_it_points() -> None:
    task = make()
    items = [
        instance(TRAIN[0], PASSAGES[1], PASSAGES[0]),
        instance(TRAIN[1], PASSAGES[2]),
        instance(TRAIN[1]),
    ]
    batch = task.collate(items)
    size = batch["in_answer"].shape[1]
    tails = batch["ids"][:, -size:]
    answer_ids = task.tokenizer("north sea", add_special_tokens=False)["input_ids"]
    assert tails[0, :3].tolist() == [*answer_ids, task.tokenizer.sep_token_id]
    assert batch["in_answer"].sum(1).tolist() == [3, 3, 3]
    # Of a stretch of four the first is given; closed-book there is nothing to continue.
    assert batch["in_continuation"].sum(1).tolist() == [3, 3, 0]
    rows, steps, places, tokens = batch["sources"].nonzero(as_tuple=True)
    pair = {tuple(p): i for i, p in enumerate(batch["pairs"].tolist())}
    assert pair.keys() == {(0, 0), (0, 1), (1, 0)}
    for row, step, place, token in zip(rows, steps, places, tokens, strict=True):
        passage_ids = batch["passages"][pair[int(row), int(place)]]
        assert passage_ids[token] == tails[row, step]
    assert set(places[rows == 0].tolist()) == {1}
    assert set(rows.tolist()) == {0, 1}


def test_training_and_reading_see_the_same(
    built: tuple[RetroReaderTask, nn.Module], tmp_path: Path
) -> None:
    """The loss on an answer is its likelihood under the checkpoint made from what is kept."""
    task, model = built
    batch = task.collate([instance(TRAIN[0], PASSAGES[0])])
    with torch.no_grad():
        training_score = -float(token_losses(model, batch, 0.0)[batch["in_answer"]].mean())
        figures = task.evaluate(model)
    (trained,) = task.trained(model).values()
    write_delta(
        tmp_path / "delta", trained.tensors, {**trained.config, "lora": {"r": 2, "alpha": 4.0}}
    )
    (tmp_path / "model").mkdir()
    build_retro(base_model_dir(), read_delta(tmp_path / "delta"), tmp_path / "model")
    scorer = RetroScorer(tmp_path / "model", "made")
    state = scorer.ask_answer(TRAIN[0].question.text, "North Sea")
    candidates = scorer.encode(state, scorer.tokenise([PASSAGES[0].full_text])[0])
    # The change is kept in float16.
    with torch.inference_mode():
        ranker_score = float(scorer.score(state, candidates, "answer_likelihood"))
    assert ranker_score == pytest.approx(training_score, abs=0.02)
    assert set(figures) == {"EM", "F1", "EM off", "F1 off"}
    config = RetroReaderConfig(checkpoint=str(tmp_path / "model"), max_answer_tokens=3)
    reader = RetroReader(config)
    reader.prepare(Corpus.from_passages(PASSAGES), Cache(enabled=False))
    (answer,) = reader.read([TRAIN[0].question], [[Hit("p0", 1.0)]])
    assert answer.score <= 0


def test_a_passage_more_or_less_in_the_batch_changes_nothing(
    built: tuple[RetroReaderTask, nn.Module],
) -> None:
    """Rows of several lengths and numbers of passages are scored as each would be alone."""
    task, model = built
    items = [
        instance(TRAIN[0], PASSAGES[3], PASSAGES[0]),
        instance(TRAIN[1], PASSAGES[2]),
        instance(TRAIN[1]),
    ]
    with torch.no_grad():
        together = task.collate(items)
        losses = token_losses(model, together, 0.0)
        for row, item in enumerate(items):
            alone = task.collate([item])
            single_losses = token_losses(model, alone, 0.0)[alone["in_answer"]]
            torch.testing.assert_close(
                losses[row][together["in_answer"][row]], single_losses, atol=1e-3, rtol=0
            )


def test_only_what_was_said_is_trained() -> None:
    names = [n for n, p in make().build().named_parameters() if p.requires_grad]
    fully_trained = {n for n in names if ".lora_" not in n}
    assert "decoder.blocks.5.cross.attention.k_proj.weight" in fully_trained
    assert "decoder.blocks.5.ffw_norm.weight" in fully_trained
    assert "decoder.blocks.2.cross.gate.weight" in fully_trained
    assert not any(n.startswith(("encoder.blocks.0.", "encoder.blocks.1.")) for n in names)
    assert not any("score_head" in n for n in names)
    for layer in ("decoder.blocks.2.cross.attention.v_proj", "encoder.blocks.4.ffw.up_proj"):
        assert f"{layer}.lora_A.default.weight" in names
    assert not any(
        "blocks.5.cross" in n for n in names if n not in fully_trained and "decoder" in n
    )


def test_it_learns() -> None:
    task = make()
    torch.manual_seed(0)
    model = task.build().train()
    batch = task.collate([instance(TRAIN[0], PASSAGES[0]), instance(TRAIN[1], PASSAGES[2])])
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=2e-3)
    losses = []
    for _ in range(8):
        optimiser.zero_grad()
        loss = task.loss(model, batch)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
