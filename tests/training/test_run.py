"""From a recipe to a checkpoint, on a handful of passages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from odqa.errors import RunError
from odqa.models.base import base_model_dir
from odqa.models.checkpoint import build_checkpoint
from odqa.models.delta import read_delta
from odqa.training.evaluate import Measured, evaluate
from odqa.training.mining import mine
from odqa.training.run import train
from odqa.training.teacher import teach

COLOURS = ["red", "green", "blue", "black", "white", "brown"]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rows = [f"p{i}\tThe house {i} is painted {c}.\tHouse {i}" for i, c in enumerate(COLOURS)]
    (tmp_path / "corpus.tsv").write_text("\n".join(["id\ttext\ttitle", *rows]) + "\n", "utf-8")
    questions = [
        {"id": f"q{i}", "question": f"which colour has house {i}", "answer": [colour]}
        for i, colour in enumerate(COLOURS)
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions), "utf-8")
    (tmp_path / "q.qrels").write_text("".join(f"q{i} 0 p{i} 1\n" for i in range(6)), "utf-8")
    content = {
        "name": "cross-encoder",
        "task": "cross-encoder",
        "seed": 1,
        "data": {
            "root": ".",
            "mined": "mined",
            "corpus": "corpus.tsv",
            "questions": "q.jsonl",
            "qrels": "q.qrels",
            "candidates": ["nq.run"],
            "held_out": 2,
        },
        "negatives": {"count": 2, "depth": 6},
        "lora": {"r": 2, "alpha": 4},
        "optim": {"steps": 2, "batch": 1, "lr": 1e-3, "evaluate_every": 1},
        "settings": {"max_length": 32, "evaluated": 4},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.slow
def test_mine_train_teach_evaluate(recipe: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    assert mine(recipe, depth=6) == [tmp_path / "mined" / "nq.run"]
    out = train(recipe, tmp_path / "run")
    folder = out / "cross-encoder"
    delta = read_delta(folder)
    assert delta.config["lora"] == {"r": 2, "alpha": 4.0}
    assert delta.sha256 in (folder / "card.md").read_text("utf-8")
    assert [row["step"] for row in json.loads((out / "curve.json").read_text("utf-8"))] == [1, 2]

    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    build_checkpoint(base_model_dir(), delta, checkpoint)
    _, info = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, output_loading_info=True
    )
    assert not info["missing_keys"]

    with pytest.raises(RunError, match="holds a run"):
        train(recipe, out)
    changed = recipe.read_text("utf-8").replace("seed: 1", "seed: 2")
    recipe.write_text(changed, encoding="utf-8")
    with pytest.raises(RunError, match="another recipe"):
        train(recipe, out, resume=True)
    recipe.write_text(changed.replace("seed: 2", "seed: 1"), encoding="utf-8")

    scores = teach(recipe, out, tmp_path / "teacher.run", depth=3).read_text("utf-8")
    taught = {line.split()[0] for line in scores.splitlines()}
    assert len(taught) == 4  # the held-out two are not taught

    measured = Measured(tmp_path / "q.jsonl", tmp_path / "q.qrels", tmp_path / "mined/nq.run")
    figures = evaluate(recipe, out, measured, depth=3, out=tmp_path / "order.run")
    assert set(figures) == {"R@1", "R@5", "MRR@10"}
    ranked = (tmp_path / "order.run").read_text("utf-8").splitlines()
    assert len(ranked) == 6 * 3
