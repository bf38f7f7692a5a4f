"""The task of DPR's reader against transformers' model and losses by hand."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import DPRReader

from odqa.cache import Cache
from odqa.checkpoints.delta import read_delta
from odqa.checkpoints.embedded import model_dir
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.data.corpus import Corpus
from odqa.errors import DataError
from odqa.readers.dpr import DprReader, DprReaderConfig
from odqa.testing.tiny_recipe import tiny_recipe
from odqa.training import train
from odqa.training.load_recipe import load_recipe
from odqa.training.model.trained_weights import initialise_from
from odqa.training.tasks import task_class
from odqa.training.tasks.dpr_reader import DprReaderTask
from odqa.types import Hit, Query

OPTIM = {"steps": 4, "batch": 2, "lr": 2e-3, "evaluate_every": 2, "bf16": False}


def recipe(folder: Path, **changes: Any) -> Path:
    keys = {"name": "dpr-reader", "task": "dpr-reader", "settings": {"max_length": 64}, **changes}
    return tiny_recipe(folder, optim=OPTIM, candidates="none", **keys)


def task(folder: Path, **changes: Any) -> DprReaderTask:
    loaded = task_class("dpr-reader").load(load_recipe(recipe(folder, **changes)))
    assert isinstance(loaded, DprReaderTask)
    return loaded


def test_the_loss_is_that_of_the_right_passage_and_of_the_right_spans(tmp_path: Path) -> None:
    training = task(tmp_path)
    torch.manual_seed(3)
    model = training.build().eval()
    schedule = training.schedule()
    items = [schedule[i] for i in range(3)]
    with torch.no_grad():
        torch.nn.init.normal_(model.span_predictor.qa_classifier.weight)
        loss = float(training.loss(model, training.collate(items)))
        selected, spans = [], []
        for item in items:
            relevance = []
            for number, passage in enumerate(item.passages):
                pair = training.tokenizer(item.question.text, passage.title)["input_ids"]
                text = training.tokenizer(passage.text, add_special_tokens=False)["input_ids"]
                out = model(input_ids=torch.tensor([[*pair, *text]]))
                relevance.append(out.relevance_logits[0])
                if number == 0:
                    (answer,) = training.tokenizer.convert_tokens_to_ids(item.question.answers)
                    place = text.index(answer)
                    spans += [
                        -logits[0, len(pair) :].log_softmax(0)[place]
                        for logits in (out.start_logits, out.end_logits)
                    ]
            selected.append(-torch.stack(relevance).log_softmax(0)[0])
    expected = torch.stack(selected).mean() + torch.stack(spans).mean()
    assert loss == pytest.approx(float(expected), abs=1e-4)


def test_an_answer_that_was_cut_off_teaches_no_span(tmp_path: Path) -> None:
    """The loss is then finite, and that of the passage alone."""
    training = task(tmp_path)
    # Ten tokens stand before the text, and its colour is the sixth.
    object.__setattr__(training.settings, "max_length", 14)
    model = training.build().eval()
    item = training.schedule()[0]
    batch = training.collate([item])
    assert not batch["starts"].any()
    with torch.no_grad():
        loss = float(training.loss(model, batch))
    # No passage is preferred at first.
    assert loss == pytest.approx(float(torch.tensor(float(len(item.passages))).log()), abs=1e-5)


def test_what_it_leaves_is_read_by_transformers_and_by_the_reader(tmp_path: Path) -> None:
    run = train(recipe(tmp_path), tmp_path / "run")
    cache = Cache(tmp_path / "cache")
    folder = resolve_checkpoint(str(run), cache)
    model, info = DPRReader.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    halves = load_file(run / "dpr-reader" / "delta.safetensors")
    state = model.state_dict()
    heads = {name: w.float() for name, w in halves.items() if ".lora_" not in name}
    assert sorted(heads) == [
        f"span_predictor.{head}.{part}"
        for head in ("qa_classifier", "qa_outputs")
        for part in ("bias", "weight")
    ]
    assert all(torch.equal(state[name], tensor) for name, tensor in heads.items())
    training = task(tmp_path)
    reader = DprReader(DprReaderConfig(checkpoint=str(run), max_length=64))
    reader.prepare(Corpus.from_passages(training.data.passages.values()), cache)
    hits = [Hit(pid, 0.0) for pid in sorted(training.data.passages)]
    (answer,) = reader.read([Query("q", "which colour has house 1")], [hits])
    # Held-out questions are answered as the reader answers.
    with torch.no_grad():
        inputs = training._inputs("which colour has house 1", [*training.data.passages.values()])
        logits = training._logits(model.eval(), training._batch(inputs), 64)
    best = int(logits[2].argmax())
    assert answer.passage_id == [*training.data.passages][best]


def test_it_starts_from_an_extractive_reader(tmp_path: Path) -> None:
    shutil.copytree(model_dir("reader"), tmp_path / "reader")
    delta = read_delta(tmp_path / "reader")
    training = task(tmp_path, start="reader", lora=dict(delta.config["lora"]))
    model = training.build()
    initialise_from(training, model, tmp_path / "reader")
    weights = dict(model.named_parameters())
    name = "encoder.layer.2.attention.self.key.lora_B"
    expected = delta.tensors[f"bert.{name}"].float()
    layer = weights[f"span_predictor.encoder.bert_model.{name}.default.weight"]
    assert torch.equal(layer, expected)
    expected = delta.tensors["qa_outputs.weight"].float()
    assert torch.equal(weights["span_predictor.qa_outputs.weight"], expected)
    assert not weights["span_predictor.qa_classifier.weight"].any()


def test_a_recipe_without_a_usable_question_is_refused(tmp_path: Path) -> None:
    training = task(tmp_path)
    for rows in training.data.train.values():
        for row in rows:
            object.__setattr__(row.question, "answers", ("purple",))
    with pytest.raises(DataError, match="no question has an accepted answer in its gold passage"):
        training.schedule()
