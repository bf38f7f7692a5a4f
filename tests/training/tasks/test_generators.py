"""The tasks whose models generate: a causal model, and Fusion-in-Decoder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from odqa.cache import Cache
from odqa.checkpoints.delta import read_delta
from odqa.checkpoints.embedded import model_dir
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.data.corpus import Corpus
from odqa.readers.fid import FidConfig, FidReader
from odqa.testing.tiny_recipe import tiny_recipe
from odqa.training import train
from odqa.training.load_recipe import load_recipe
from odqa.training.model.fusion import fused
from odqa.training.model.trained_weights import initialise_from
from odqa.training.tasks import task_class
from odqa.training.tasks.fid import FidTask
from odqa.training.tasks.lm import LmTask
from odqa.types import Hit, Passage, Query

OPTIM = {"steps": 4, "batch": 2, "lr": 2e-3, "evaluate_every": 2, "bf16": False}
SETTINGS: dict[str, dict[str, Any]] = {
    "lm": {"tokens": 64, "words": 12, "max_answer_tokens": 4},
    "fid": {"decoder_layers": [6], "words": 12, "max_length": 64, "max_answer_tokens": 4},
}


def recipe(folder: Path, task: str, **changes: Any) -> Path:
    """The tiny recipe for another task; nothing is mined for it."""
    keys = {"name": task, "task": task, "settings": SETTINGS[task], "negatives": {"count": 1}}
    return tiny_recipe(folder, optim=OPTIM, candidates="none", **{**keys, **changes})


@pytest.fixture(scope="module", params=["lm", "fid"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    return train(recipe(folder, request.param), folder / "run") / request.param


@pytest.fixture(scope="module")
def fid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fid")
    train(recipe(folder, "fid"), folder / "run")
    return folder


def test_what_it_leaves_becomes_an_ordinary_checkpoint(trained: Path, tmp_path: Path) -> None:
    folder = resolve_checkpoint(str(trained.parent), Cache(tmp_path / "cache"))
    kind = AutoModelForCausalLM if trained.name == "lm" else AutoModelForSeq2SeqLM
    model, info = kind.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    halves = load_file(trained / "delta.safetensors")
    assert {w.dtype for w in halves.values()} == {torch.float16}
    state = model.state_dict()
    new = {name: w.float() for name, w in halves.items() if ".lora_" not in name}
    assert new
    assert all(torch.equal(state[name], tensor) for name, tensor in new.items())
    if trained.name == "lm":
        # Tied: a change of one is one of both.
        bias = state["cls.predictions.decoder.bias"]
        assert torch.equal(bias, new["cls.predictions.bias"])
        assert bias.any()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("Red as it is")["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "red as it is"
    curve = json.loads((trained.parent / "curve.json").read_text())
    assert [row["step"] for row in curve] == [2, 4]
    assert set(curve[0]) >= {"EM", "F1"}
    assert "low-rank change (rank 2" in (trained / "card.md").read_text()


def test_the_same_recipe_gives_the_same_weights(fid: Path, tmp_path: Path) -> None:
    first = load_file(fid / "run" / "fid" / "delta.safetensors")
    again = train(recipe(tmp_path, "fid"), tmp_path / "run") / "fid" / "delta.safetensors"
    second = load_file(again)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_fid_trains_on_what_its_reader_reads(fid: Path, tmp_path: Path) -> None:
    """Without pointing, the loss of a batch is the reader's own likelihood of the answers."""
    settings = {**SETTINGS["fid"], "pointing": 0}
    task = task_class("fid").load(load_recipe(recipe(tmp_path, "fid", settings=settings)))
    assert isinstance(task, FidTask)
    cache = Cache(tmp_path / "cache")
    folder = resolve_checkpoint(str(fid / "run"), cache)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager").eval()
    schedule = task.schedule()
    items = [schedule[i] for i in range(4)]
    batch = task.collate(items)
    with torch.no_grad():
        loss = float(task.loss(model, batch))
    reader = FidReader(FidConfig(checkpoint=str(fid / "run"), max_length=64, max_answer_tokens=9))
    passages = [
        Passage(f"{n}-{p.id}", p.text, p.title) for n, i in enumerate(items) for p in i.passages
    ]
    reader.prepare(Corpus.from_passages(passages), cache)
    total, count, at = 0.0, 0, 0
    for item, labels in zip(items, batch["labels"].tolist(), strict=True):
        read = passages[at : at + len(item.passages)]
        at += len(item.passages)
        rows = reader._rows(Query("q", item.question.text), read)
        states = torch.cat(reader._model.encode(rows, 4))
        target = [label for label in labels if label >= 0]
        # The answer's tokens and their end; the decoder's start is not among them.
        assert reader._model.tokenise_targets([item.question.answers[0]], 9) == [target]
        (scores,) = reader._model.log_probabilities([states], [target])
        total, count = total - float(scores.sum()), count + len(target)
    assert loss == pytest.approx(total / count, abs=1e-4)
    assert reader.read([Query("q", "which")], [[Hit(p.id, 0.0) for p in passages[:2]]])


def test_pointing_is_what_attention_to_the_answer_loses(tmp_path: Path) -> None:
    """The difference of the losses with and without it, from transformers' attention."""
    losses = {}
    for weight in (0.0, 2.0):
        path = recipe(tmp_path, "fid", settings={**SETTINGS["fid"], "pointing": weight})
        task = task_class("fid").load(load_recipe(path))
        torch.manual_seed(3)
        model = task.build().eval()
        schedule = task.schedule()
        batch = task.collate([schedule[0], schedule[1]])
        with torch.no_grad():
            losses[weight] = float(task.loss(model, batch))
    states, mask = fused(model, batch["ids"], batch["mask"], batch["counts"])
    with torch.no_grad():
        attention = model(
            encoder_outputs=(states,),
            attention_mask=mask,
            labels=batch["labels"],
            output_attentions=True,
        ).cross_attentions[-1]
    lost = []
    for row, step in batch["sources"].any(-1).nonzero().tolist():
        places = batch["sources"][row, step].nonzero()[:, 0]
        lost += [-attention[row, head, step, places].sum().log() for head in range(12)]
    assert losses[2.0] - losses[0.0] == pytest.approx(2 * float(torch.stack(lost).mean()), rel=1e-4)


def test_a_training_may_start_from_an_extractive_readers_encoder(tmp_path: Path) -> None:
    shutil.copytree(model_dir("reader"), tmp_path / "reader")
    delta = read_delta(tmp_path / "reader")
    path = recipe(tmp_path, "fid", start="reader", lora=dict(delta.config["lora"]))
    task = task_class("fid").load(load_recipe(path))
    model = task.build()
    initialise_from(task, model, tmp_path / "reader")
    weights = dict(model.named_parameters())
    layer = "model.encoder.layers.2.self_attn.k_proj.lora_B.default.weight"
    expected = delta.tensors["bert.encoder.layer.2.attention.self.key.lora_B"].float()
    assert torch.equal(weights[layer], expected)
    assert not weights["model.decoder.layers.0.fc1.lora_B.default.weight"].any()


def test_a_language_model_is_judged_by_what_follows_its_prompt(tmp_path: Path) -> None:
    """Without pointing, the loss is the mean over texts of their mean token loss."""
    settings = {**SETTINGS["lm"], "pointing": 0}
    task = task_class("lm").load(load_recipe(recipe(tmp_path, "lm", settings=settings)))
    assert isinstance(task, LmTask)
    torch.manual_seed(3)
    model: Any = task.build().eval()
    schedule = task.schedule()
    items = [schedule[i] for i in range(5)]
    with torch.no_grad():
        loss = float(task.loss(model, task.collate(items)))
        means = []
        for item in items:
            logits = model(input_ids=torch.tensor([[*item.prompt, *item.target]])).logits[0]
            at = torch.arange(len(item.target)) + len(item.prompt) - 1
            scores = logits[at].log_softmax(-1)
            means.append(-scores.gather(1, torch.tensor(item.target)[:, None]).mean())
    assert loss == pytest.approx(float(torch.stack(means).mean()), abs=1e-4)


def test_fused_states_are_those_of_each_passage_alone(fid: Path, tmp_path: Path) -> None:
    folder = resolve_checkpoint(str(fid / "run"), Cache(tmp_path / "cache"))
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    ids = torch.tensor([[5, 6, 7, 9], [8, 9, 0, 0], [10, 0, 0, 0]])
    mask = (ids != 0).long()
    with torch.no_grad():
        states, seen = fused(model, ids, mask, [2, 1])
        alone = [
            model.get_encoder()(input_ids=row[None, : int(m.sum())]).last_hidden_state[0]
            for row, m in zip(ids, mask, strict=True)
        ]
    assert seen.tolist() == [[1] * 6, [1] + [0] * 5]
    torch.testing.assert_close(states[0], torch.cat(alone[:2]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(states[1, :1], alone[2], atol=1e-5, rtol=1e-5)
