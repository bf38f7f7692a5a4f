"""A training recipe over six passages, for tests and long series: a training takes seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

COLOURS = ("red", "green", "blue", "black", "white", "brown")


def tiny_recipe(
    folder: Path, *, optim: Mapping[str, object] | None = None, evaluated: int = 4
) -> Path:
    """Write ``recipe.yaml`` of a cross-encoder for six questions about colours, and its data.

    Hard negatives are still to be mined into ``mined/nq.run``.

    Args:
        folder: written here.
        optim: keys in place of the recipe's ``optim``.
        evaluated: candidates of an evaluation.
    """
    rows = [f"p{i}\tThe house {i} is painted {c}.\tHouse {i}" for i, c in enumerate(COLOURS)]
    (folder / "corpus.tsv").write_text("\n".join(["id\ttext\ttitle", *rows]) + "\n", "utf-8")
    questions = [
        {"id": f"q{i}", "question": f"which colour has house {i}", "answer": [colour]}
        for i, colour in enumerate(COLOURS)
    ]
    (folder / "q.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions), "utf-8")
    (folder / "q.qrels").write_text("".join(f"q{i} 0 p{i} 1\n" for i in range(6)), "utf-8")
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
        "optim": {"steps": 2, "batch": 1, "lr": 1e-3, "evaluate_every": 1, **(optim or {})},
        "settings": {"max_length": 32, "evaluated": evaluated},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path
