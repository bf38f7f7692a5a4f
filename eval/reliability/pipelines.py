"""Small data and pipelines over tiny checkpoints that fill every kind of artifact."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import yaml

from odqa.comparison.result import Comparison
from odqa.testing.tiny_checkpoints import WORDS, tiny_bert, tiny_colbert
from odqa.testing.tiny_retro import tiny_retro

QUESTIONS = 12


def write_data(folder: Path, passages: int) -> Path:
    """A corpus, questions and judgements; returns what ``--data`` takes."""
    rng = random.Random(1)
    words = WORDS.split()
    folder.mkdir(parents=True)
    with (folder / "passages.tsv").open("w", encoding="utf-8") as out:
        out.write("id\ttext\ttitle\n")
        for number in range(passages):
            text = " ".join(rng.choices(words, k=rng.randint(3, 60)))
            out.write(f"p{number}\t{text}\t{rng.choice(words)}\n")
    questions, qrels = [], []
    for number in range(QUESTIONS):
        text = " ".join(rng.choices(words, k=6))
        questions.append({"id": f"q{number}", "question": text, "answer": [rng.choice(words)]})
        qrels.append(f"q{number} 0 p{rng.randrange(passages)} 1\n")
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    (folder / "dev.jsonl").write_text(lines, encoding="utf-8")
    (folder / "dev.qrels").write_text("".join(qrels), encoding="utf-8")
    return folder / "dev"


def write_specs(folder: Path) -> Mapping[str, Path]:
    """Specs by name; together they use every kind of artifact."""
    bert = str(tiny_bert(folder / "bert"))
    reader = {
        "type": "extractive",
        "checkpoint": str(tiny_bert(folder / "reader", "BertForQuestionAnswering")),
    }
    colbert = {"type": "colbert", "checkpoint": str(tiny_colbert(folder / "colbert")), "k": 10}
    blind = str(tiny_retro(folder / "retro", conditioned=False))
    retro = {"type": "retro", "checkpoint": blind, "k": 10}
    dense = {"type": "sentence", "checkpoint": bert, "k": 20}
    hnsw = {"type": "hnsw", "links": 8, "ef_construction": 20, "ef_search": 20}
    chunks = {"type": "retro", "checkpoint": bert, "k": 20, "chunk_tokens": 8}
    specs = {
        "bm25": {"retriever": {"type": "bm25", "k": 20}, "reader": reader},
        "hnsw": {"retriever": {**dense, "index": hnsw}},
        "colbert": {"retriever": dense, "ranker": colbert},
        "retro": {"retriever": dense, "ranker": {**retro, "neighbours": "encodings"}},
        "chunks": {"retriever": chunks},
    }
    paths = {}
    for name, spec in specs.items():
        paths[name] = folder / f"{name}.yaml"
        paths[name].write_text(yaml.safe_dump({"name": name, **spec}), encoding="utf-8")
    return paths


def results(comparison: Comparison) -> str:
    """All that a comparison found, as text: hits, answers, metrics, explanations."""
    parts: list[object] = [[(r.question_id, r.metric, r.value) for r in comparison.rows]]
    for name, result in comparison.pipelines.items():
        parts += [name, repr(result.retrieved), repr(result.ranked), repr(result.answers)]
        parts.append(repr(getattr(result, "explanations", None)))
    return json.dumps(parts)
