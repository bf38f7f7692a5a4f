"""A RETRO language model from recipe to bits per byte, on a handful of passages."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file

from odqa.errors import CheckpointError, RunError, SpecError
from odqa.retro.model.model import RetroModel
from odqa.testing.tiny_checkpoints import tiny_bert
from odqa.training.load_recipe import load_recipe
from odqa.training.tasks.retro_lm import RetroLmTask
from odqa.training.trainer.bits_per_byte import (
    OFF,
    ON,
    OTHER_TITLES,
    RANDOM,
    BitsPerByte,
    evaluate_model,
    evaluate_run,
    save,
)
from odqa.training.trainer.run import train

THINGS = ["river", "city", "tower", "engine", "poem", "bridge"]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ODQA_CACHE", str(tmp_path / "cache"))
    rows = [
        f"{thing}-{i}\tThe {thing} was opened in the north in the year {i} by the king.\t{thing}"
        for thing in THINGS
        for i in range(3)
    ]
    (tmp_path / "corpus.tsv").write_text("\n".join(["id\ttext\ttitle", *rows]) + "\n", "utf-8")
    content = {
        "name": "small-lm",
        "task": "retro-lm",
        "seed": 1,
        "data": {"root": ".", "corpus": "corpus.tsv", "held_out": 4},
        "optim": {"steps": 4, "batch": 2, "lr": 1e-2, "bf16": False, "evaluate_every": 2},
        "settings": {
            "vocabulary": 280,
            "width": 64,
            "layers": 2,
            "cross_layers": [2],
            "chunk_length": 6,
            "keys": str(tiny_bert(tmp_path / "bert")),
            "static_keys": True,
            "start_copying": True,
            "dev": 2,
        },
    }
    return write(tmp_path / "small.yaml", content)


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def changed(recipe: Path, key: str, value: object) -> Path:
    content = yaml.safe_load(recipe.read_text("utf-8"))
    content["settings"][key] = value
    return write(recipe.with_name("changed.yaml"), content)


def test_killed_resumed_and_evaluated(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = train(recipe, tmp_path / "whole") / "small-lm"
    curve = json.loads((tmp_path / "whole" / "curve.json").read_text("utf-8"))
    assert [row["step"] for row in curve] == [2, 4]
    assert all(row["bits_per_byte"] > 0 and row["bits_per_byte_off"] > 0 for row in curve)

    usual, calls = RetroLmTask.loss, 0

    def killed(self: RetroLmTask, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return usual(self, model, batch)

    monkeypatch.setattr(RetroLmTask, "loss", killed)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "run")
    monkeypatch.setattr(RetroLmTask, "loss", usual)
    resumed = train(recipe, tmp_path / "run", resume=True) / "small-lm"
    expected, resumed_tensors = (
        load_file(f / "model.safetensors") for f in (uninterrupted, resumed)
    )
    assert expected.keys() == resumed_tensors.keys()
    assert all(torch.equal(expected[name], resumed_tensors[name]) for name in expected)

    result = evaluate_run(recipe, tmp_path / "run")
    save(result, tmp_path / "out")
    rows = pd.read_parquet(tmp_path / "out" / "bits.parquet")
    assert list(rows.columns) == ["retrieval", "passage", "metric", "value"]
    test_ids = [p.id for p in RetroLmTask.load(load_recipe(recipe)).split.test]
    for mode in (OFF, ON, OTHER_TITLES, RANDOM):
        assert rows[rows.retrieval == mode].passage.tolist() == test_ids
    table = (tmp_path / "out" / "bits.md").read_text("utf-8")
    assert f"| {ON} | {result.total[ON]:.4f} |" in table
    assert {pair.candidate for pair in result.against_off} == {ON, OTHER_TITLES, RANDOM}

    with pytest.raises(RunError, match="other data or settings"):
        evaluate_run(changed(recipe, "vocabulary", 270), tmp_path / "run")
    with pytest.raises(CheckpointError):
        evaluate_run(recipe, tmp_path / "nowhere")


def test_equal_odds_give_bits_by_hand(recipe: Path) -> None:
    task = RetroLmTask.load(load_recipe(recipe))
    model = task.build()
    assert isinstance(model, RetroModel)
    with torch.no_grad():
        model.token_table().zero_()
    result = evaluate_model(task, model.eval())
    passages = task.split.test
    tokens = [len(ids) - 1 for ids in task.tokenizer.encode([p.text for p in passages])]
    sizes = [len(p.text.encode()) for p in passages]
    per_token = math.log2(len(task.tokenizer))
    for mode in (OFF, ON, OTHER_TITLES, RANDOM):
        assert result.total[mode] == pytest.approx(sum(tokens) * per_token / sum(sizes), rel=1e-5)
    values = [row.value for row in result.rows if row.pipeline == ON]
    expected = [n * per_token / size for n, size in zip(tokens, sizes, strict=True)]
    assert values == pytest.approx(expected, rel=1e-5)


def test_only_retrieval_on_changes_the_likelihood_of_what_follows_a_chunk(recipe: Path) -> None:
    task = RetroLmTask.load(load_recipe(recipe))
    torch.manual_seed(0)
    model = task.build().eval()
    assert isinstance(model, RetroModel)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)  # large enough for neighbours to matter
    result = evaluate_model(task, model)
    assert len({round(total, 6) for total in result.total.values()}) >= 3
    assert result.total[ON] != pytest.approx(result.total[OFF], rel=1e-6)


def test_a_recipe_of_another_task_is_refused(recipe: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(recipe.read_text("utf-8")) | {"task": "dpr", "settings": {}}
    with pytest.raises(SpecError, match="gives text no probability"):
        evaluate_run(write(tmp_path / "dpr.yaml", content), tmp_path)


def test_a_table_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be written"):
        save(BitsPerByte([], {}), tmp_path / "file")
