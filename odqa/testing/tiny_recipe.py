"""A training recipe over six passages, for tests and long series: a training takes seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml

COLOURS = ("red", "green", "blue", "black", "white", "brown")


def tiny_recipe(
    folder: Path,
    *,
    optim: Mapping[str, object] | None = None,
    evaluated: int = 4,
    candidates: Literal["to be mined", "mined", "none"] = "to be mined",
    **changes: object,
) -> Path:
    """Write ``recipe.yaml`` of a cross-encoder for six questions about colours, and its data.

    Args:
        folder: written here.
        optim: keys in place of the recipe's ``optim``.
        evaluated: candidates of an evaluation.
        candidates: whether ``mined/nq.run`` is named, and written: for question ``q2`` the passages
            ``p2``, ``p3`` and so on to ``p1``, the gold passage first.
        changes: other keys of the recipe, such as ``task``, in place of its own.
    """
    rows = [f"p{i}\tThe house {i} is painted {c}.\tHouse {i}" for i, c in enumerate(COLOURS)]
    (folder / "corpus.tsv").write_text("\n".join(["id\ttext\ttitle", *rows]) + "\n", "utf-8")
    questions = [
        {"id": f"q{i}", "question": f"which colour has house {i}", "answer": [colour]}
        for i, colour in enumerate(COLOURS)
    ]
    (folder / "q.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions), "utf-8")
    (folder / "q.qrels").write_text("".join(f"q{i} 0 p{i} 1\n" for i in range(6)), "utf-8")
    content: dict[str, Any] = {
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
    if candidates == "none":
        del content["data"]["candidates"]
    if candidates == "mined":
        (folder / "mined").mkdir(exist_ok=True)
        (folder / "mined/nq.run").write_text("".join(_run_lines()), encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content | changes), encoding="utf-8")
    return path


def _run_lines() -> Iterator[str]:
    number = len(COLOURS)
    for question in range(number):
        for rank in range(number):
            passage = (question + rank) % number
            yield f"q{question} Q0 p{passage} {rank + 1} {1 - rank / 10} m\n"
