"""The tasks whose models are written whole: a causal model, and Fusion-in-Decoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from odqa.cache import Cache
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.data.corpus import Corpus
from odqa.readers.fid import FidConfig, FidReader
from odqa.testing.tiny_recipe import tiny_recipe
from odqa.training import train
from odqa.training.load_recipe import load_recipe
from odqa.training.tasks import task_class
from odqa.training.tasks.fid import FidTask, fused
from odqa.types import Hit, Passage, Query

OPTIM = {"steps": 6, "batch": 2, "lr": 2e-3, "evaluate_every": 3, "bf16": False}
SETTINGS: dict[str, dict[str, Any]] = {
    "lm": {"vocabulary": 300, "width": 48, "layers": 2, "positions": 64, "words": 12},
    "fid": {"vocabulary": 300, "width": 32, "ffw": 32, "words": 12, "max_length": 64},
}


def recipe(folder: Path, task: str) -> Path:
    """The tiny recipe for another task; nothing is mined for it."""
    path = tiny_recipe(folder, optim=OPTIM)
    content = yaml.safe_load(path.read_text())
    content |= {"name": task, "task": task, "settings": SETTINGS[task]}
    content["data"].pop("candidates", None)
    content["negatives"] = {"count": 1}
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("task", ["lm", "fid"])
def test_what_it_leaves_is_an_ordinary_checkpoint(task: str, tmp_path: Path) -> None:
    run = train(recipe(tmp_path, task), tmp_path / "run")
    folder = resolve_checkpoint(str(run), Cache(tmp_path / "cache"))
    assert folder == run / task
    kind = AutoModelForCausalLM if task == "lm" else AutoModelForSeq2SeqLM
    model, info = kind.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    halves = load_file(folder / "model.safetensors")
    assert {w.dtype for w in halves.values()} == {torch.float16}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer) <= model.config.vocab_size == len(tokenizer)
    assert tokenizer.decode(tokenizer("red as it is")["input_ids"], skip_special_tokens=True) in (
        "red as it is",
        " red as it is",
    )
    curve = json.loads((run / "curve.json").read_text())
    assert [row["step"] for row in curve] == [3, 6]
    assert curve[1]["nll"] < curve[0]["nll"]
    card = (folder / "card.md").read_text()
    assert "from scratch, 6 steps" in card
    assert "float16" in card


def test_the_same_recipe_gives_the_same_weights(tmp_path: Path) -> None:
    path = recipe(tmp_path, "fid")
    first, second = (
        load_file(train(path, tmp_path / name) / "fid" / "model.safetensors")
        for name in ("one", "two")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_fid_trains_on_what_its_reader_reads(tmp_path: Path) -> None:
    """The loss of a batch is the reader's own likelihood of the answers."""
    run = train(recipe(tmp_path, "fid"), tmp_path / "run")
    task = task_class("fid").load(load_recipe(tmp_path / "recipe.yaml"))
    assert isinstance(task, FidTask)
    model = AutoModelForSeq2SeqLM.from_pretrained(run / "fid", dtype=torch.float32).eval()
    schedule = task.schedule()
    items = [schedule[i] for i in range(4)]
    batch = task.collate(items)
    with torch.no_grad():
        loss = float(task.loss(model, batch))
    reader = FidReader(FidConfig(checkpoint=str(run), max_length=64, max_answer_tokens=9))
    passages = [
        Passage(f"{n}-{p.id}", p.text, p.title) for n, i in enumerate(items) for p in i.passages
    ]
    reader.prepare(Corpus.from_passages(passages), Cache(tmp_path / "cache"))
    total, count, at = 0.0, 0, 0
    for item, labels in zip(items, batch["labels"].tolist(), strict=True):
        read = passages[at : at + len(item.passages)]
        at += len(item.passages)
        rows = reader._rows(Query("q", item.question.text), read)
        states = torch.cat(reader._model.encode(rows, 4))
        target = [label for label in labels if label >= 0]
        (scores,) = reader._model.log_probabilities([states], [target])
        total, count = total - float(scores.sum()), count + len(target)
    assert loss == pytest.approx(total / count, abs=1e-4)
    assert reader.read([Query("q", "which")], [[Hit(p.id, 0.0) for p in passages[:2]]])


def test_fused_states_are_those_of_each_passage_alone(tmp_path: Path) -> None:
    run = train(recipe(tmp_path, "fid"), tmp_path / "run")
    model = AutoModelForSeq2SeqLM.from_pretrained(run / "fid", dtype=torch.float32).eval()
    ids = torch.tensor([[5, 6, 7, 0], [8, 9, 0, 1], [10, 0, 1, 1]])
    mask = (ids != 1).long()
    with torch.no_grad():
        states, seen = fused(model, ids, mask, [2, 1])
        alone = [
            model.get_encoder()(input_ids=row[None, : int(m.sum())]).last_hidden_state[0]
            for row, m in zip(ids, mask, strict=True)
        ]
    assert seen.tolist() == [[1] * 7, [1, 1] + [0] * 5]
    torch.testing.assert_close(states[0], torch.cat(alone[:2]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(states[1, :2], alone[2], atol=1e-5, rtol=1e-5)
