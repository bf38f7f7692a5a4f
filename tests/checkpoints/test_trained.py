"""Weights of ``odqa train`` in the place of any other checkpoint."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from odqa.cache import Cache
from odqa.checkpoints.embedded import materialise, model_dir
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.checkpoints.trained import is_trained, materialise_trained, trained_models
from odqa.cli.main import main
from odqa.data.corpus import Corpus
from odqa.errors import CheckpointError
from odqa.interfaces import Ranker
from odqa.registry import get
from odqa.testing.tiny_checkpoints import tiny_bert
from odqa.types import Hit, Passage, Question

QUESTION = Question("q", "who built the tower bridge")
PASSAGES = [Passage("a", "A poem of the river."), Passage("b", "A king built it.", "Tower Bridge")]


@pytest.fixture(scope="module")
def cache(cache_of_models: Cache) -> Cache:
    return cache_of_models


def run_of(folder: Path, *names: str) -> Path:
    """A finished training run: one folder per model, as `odqa train` writes it."""
    folder.mkdir()
    (folder / "recipe.json").write_text("{}")
    for name in names:
        shutil.copytree(model_dir(name), folder / name)
    (folder / "curve.json").write_text("[]")
    return folder


def test_a_run_is_the_checkpoint_that_its_model_makes(tmp_path: Path, cache: Cache) -> None:
    run = run_of(tmp_path / "run", "sentence")
    checkpoint = resolve_checkpoint(str(run), cache)
    assert resolve_checkpoint(str(run / "sentence"), cache) == checkpoint
    shipped = load_file(materialise("sentence", cache) / "model.safetensors")
    trained = load_file(checkpoint / "model.safetensors")
    assert trained.keys() == shipped.keys()
    assert all(torch.equal(trained[name], shipped[name]) for name in shipped)


def test_other_weights_of_the_same_name_make_another_checkpoint(
    tmp_path: Path, cache: Cache
) -> None:
    run = run_of(tmp_path / "run", "sentence")
    before = resolve_checkpoint(str(run), cache)
    shutil.rmtree(run / "sentence")
    shutil.copytree(model_dir("dpr-question"), run / "sentence")
    assert resolve_checkpoint(str(run), cache) != before


def test_of_several_models_one_has_to_be_named(tmp_path: Path, cache: Cache) -> None:
    run = run_of(tmp_path / "run", "dpr-passage", "dpr-question")
    assert [model.name for model in trained_models(run)] == ["dpr-passage", "dpr-question"]
    with pytest.raises(CheckpointError, match=r"of 2 models; name one: .*/run/dpr-passage, "):
        resolve_checkpoint(str(run), cache)


def test_a_training_that_has_not_ended_is_no_checkpoint(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(CheckpointError, match="not ended; end it with odqa train --resume"):
        resolve_checkpoint(str(run_of(tmp_path / "run")), cache)


def test_damaged_weights_are_found(tmp_path: Path, cache: Cache) -> None:
    run = run_of(tmp_path / "run", "sentence")
    save_file({"x": torch.zeros(1)}, run / "sentence" / "delta.safetensors")
    with pytest.raises(CheckpointError, match="train it again, or reinstall odqa"):
        resolve_checkpoint(str(run), cache)


@pytest.mark.parametrize(
    "edit",
    [
        {"lora": {"r": 16}},
        {"lora": {"r": "many", "alpha": 32.0}},
        {"kind": "retro"},
        {"kind": "sequence-classification", "prefix": "nowhere."},
    ],
)
def test_an_edited_config_is_one_line(
    edit: dict[str, object], tmp_path: Path, cache: Cache
) -> None:
    config = run_of(tmp_path / "run", "sentence") / "sentence" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | edit), "utf-8")
    with pytest.raises(CheckpointError) as caught:
        resolve_checkpoint(str(config.parent), cache)
    message = str(caught.value)
    assert message.startswith(f"{config.parent}: ")
    assert "train it again" in message
    assert "\n" not in message


def test_an_ordinary_checkpoint_is_not_taken_for_a_run(tmp_path: Path) -> None:
    assert not is_trained(tiny_bert(tmp_path / "bert"))


@pytest.mark.parametrize("model", ["colbert", "cross-encoder", "retro-offline"])
def test_rankers_rank_with_what_was_trained(model: str, tmp_path: Path, cache: Cache) -> None:
    run = run_of(tmp_path / "run", model)
    kind = "retro" if model.startswith("retro") else model.replace("-", "_")
    ranked = []
    for checkpoint in (str(run), f"embedded:{model}"):
        component = get("ranker", kind)
        ranker = component(component.Config.model_validate({"checkpoint": checkpoint}))
        assert isinstance(ranker, Ranker)
        ranker.prepare(Corpus.from_passages(PASSAGES), cache)
        ranked.append(ranker.rank([QUESTION], [[Hit("a", 1.0), Hit("b", 0.5)]], 2))
    assert ranked[0] == ranked[1]


def test_export_refuses_what_no_training_left(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not what odqa train left; name the folder"):
        materialise_trained(tiny_bert(tmp_path / "bert"))


def test_export_takes_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sentence_transformers import SentenceTransformer

    run, to = run_of(tmp_path / "run", "sentence"), tmp_path / "checkpoint"
    args = ["models", "export", str(run), "--to", str(to), "--cache", str(tmp_path / "cache")]
    monkeypatch.setattr(sys, "argv", ["odqa", *args])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert not exit_info.value.code
    assert capsys.readouterr().out.strip() == str(to)
    assert SentenceTransformer(str(to), device="cpu").encode("who").shape == (384,)
