"""The task of monoT5 against the ranker that it trains."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from odqa.cache import Cache
from odqa.checkpoints.delta import read_delta
from odqa.checkpoints.embedded import model_dir
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.data.corpus import Corpus
from odqa.rankers.monot5 import MonoT5Config, MonoT5Ranker
from odqa.testing.tiny_recipe import tiny_recipe
from odqa.training import train
from odqa.training.load_recipe import load_recipe
from odqa.training.model.trained_weights import initialise_from
from odqa.training.tasks import task_class
from odqa.training.tasks.monot5 import MonoT5Task
from odqa.types import Hit, Query

OPTIM = {"steps": 4, "batch": 2, "lr": 2e-3, "evaluate_every": 2, "bf16": False}


def recipe(folder: Path, **changes: Any) -> Path:
    settings = {"decoder_layers": [6], "max_length": 32, "evaluated": 4}
    keys = {"name": "monot5", "task": "monot5", "settings": settings, **changes}
    return tiny_recipe(folder, optim=OPTIM, candidates="mined", **keys)


def task(folder: Path, **changes: Any) -> MonoT5Task:
    loaded = task_class("monot5").load(load_recipe(recipe(folder, **changes)))
    assert isinstance(loaded, MonoT5Task)
    return loaded


def test_it_trains_what_its_ranker_scores(tmp_path: Path) -> None:
    """Half the mean loss of gold passages, half that of the others, by the ranker's own scores."""
    run = train(recipe(tmp_path), tmp_path / "run")
    training, cache = task(tmp_path), Cache(tmp_path / "cache")
    model = AutoModelForSeq2SeqLM.from_pretrained(resolve_checkpoint(str(run), cache)).eval()
    schedule = training.schedule()
    items = [schedule[i] for i in range(3)]
    with torch.no_grad():
        loss = float(training.loss(model, training.collate(items)))
    ranker = MonoT5Ranker(MonoT5Config(checkpoint=str(run), max_length=32))
    ranker.prepare(Corpus.from_passages(training.data.passages.values()), cache)
    gold, others = [], []
    for number, item in enumerate(items):
        hits = [Hit(passage.id, 0.0) for passage in item.passages]
        (ranked,) = ranker.rank([Query(f"q{number}", item.question.text)], [hits], len(hits))
        scores = {hit.passage_id: hit.score for hit in ranked}
        gold.append(scores[item.passages[0].id])
        negatives = torch.tensor([scores[passage.id] for passage in item.passages[1:]])
        others += (-negatives.exp()).log1p().tolist()
    expected = -(sum(gold) / len(gold) + sum(others) / len(others)) / 2
    assert loss == pytest.approx(expected, abs=1e-4)
    labelled = training.data.validation[0]
    hits = training.data.candidates[labelled.question.id][:4]
    with torch.no_grad():
        ours = training.rank(model, labelled, hits)
    (theirs,) = ranker.rank([Query("q", labelled.question.text)], [hits], 4)
    assert [hit.passage_id for hit in ours] == [hit.passage_id for hit in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)


def test_a_prior_is_added_in_evaluation(tmp_path: Path) -> None:
    settings = {"decoder_layers": [6], "max_length": 32, "evaluated": 4, "prior": 1000}
    training = task(tmp_path, settings=settings)
    labelled = training.data.validation[0]
    hits = training.data.candidates[labelled.question.id][:4]
    with torch.no_grad():
        ranked = training.rank(training.build().eval(), labelled, hits[::-1])
    assert [hit.passage_id for hit in ranked] == [hit.passage_id for hit in hits]


def test_it_starts_from_a_cross_encoder(tmp_path: Path) -> None:
    shutil.copytree(model_dir("cross-encoder"), tmp_path / "start")
    delta = read_delta(tmp_path / "start")
    training = task(tmp_path, start="start", lora=dict(delta.config["lora"]))
    model = training.build()
    initialise_from(training, model, tmp_path / "start")
    layer = "model.encoder.layers.2.fc1.lora_B.default.weight"
    expected = delta.tensors["bert.encoder.layer.2.intermediate.dense.lora_B"].float()
    assert torch.equal(dict(model.named_parameters())[layer], expected)
