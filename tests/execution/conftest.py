"""Pipelines of every component that computes: tiny checkpoints, a corpus of random words."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.execution.pipeline import Pipeline
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.tiny_checkpoints import tiny_bert, tiny_colbert
from odqa.testing.tiny_retro import tiny_retro
from odqa.types import Passage, Question

_WORDS = ["who", "what", "the", "king", "river", "built", "tower", "poem", "city", "north", "first"]
PASSAGES, QUESTIONS = 60, 8


@dataclass(frozen=True)
class World:
    """Data, checkpoints, and a cache for what is prepared."""

    corpus: Corpus
    questions: list[Question]
    checkpoints: Path
    cache: Cache

    def pipeline(self, name: str, **options: Any) -> Pipeline:
        """A prepared one; options go to every stage that knows them, such as ``batch_size``."""
        raw = {"name": name, **_specs(self.checkpoints)[name]}
        pipeline = Pipeline.from_spec(parse_pipeline(_with(raw, options)))
        pipeline.prepare(self.corpus, self.cache)
        return pipeline


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    chance = random.Random(5)

    def text(words: int) -> str:
        return " ".join(chance.choice(_WORDS) for _ in range(words))

    passages = [
        Passage(f"p{n}", f"{text(chance.randrange(4, 30))} item{n}", text(2) if n % 3 else "")
        for n in range(PASSAGES)
    ]
    questions = [
        Question(f"q{n}", f"{text(chance.randrange(2, 9))} item{n}", (f"item{n}",))
        for n in range(QUESTIONS)
    ]
    for number, (name, head) in enumerate(
        {
            "sentence": "BertModel",
            "question": "BertModel",
            "passage": "BertModel",
            "extractive": "BertForQuestionAnswering",
            "cross": "BertForSequenceClassification",
        }.items()
    ):
        options = {"num_labels": 1} if name == "cross" else {}
        tiny_bert(folder / name, head, seed=number, **options)
    tiny_colbert(folder / "colbert")
    tiny_retro(folder / "retro")
    tiny_retro(folder / "retro-encodings", conditioned=False)
    corpus = Corpus.from_passages(passages)
    return World(corpus, questions, folder, Cache(folder / "cache"))


def _specs(folder: Path) -> dict[str, dict[str, Any]]:
    def at(name: str) -> str:
        return str(folder / name)

    sentence = {"type": "sentence", "checkpoint": at("sentence"), "k": 20}
    return {
        "sentence-extractive": {
            "retriever": sentence,
            "reader": {"type": "extractive", "checkpoint": at("extractive")},
        },
        "hnsw-colbert": {
            "retriever": {**sentence, "index": {"type": "hnsw"}},
            "ranker": {"type": "colbert", "checkpoint": at("colbert"), "k": 10},
        },
        "online-colbert-cross": {
            "retriever": sentence,
            "ranker": [
                {"type": "colbert", "checkpoint": at("colbert"), "k": 10, "store": "online"},
                {"type": "cross_encoder", "checkpoint": at("cross"), "k": 5, "alpha": 0.5},
            ],
        },
        "dpr-retro": {
            "retriever": {
                "type": "dpr",
                "question_encoder": at("question"),
                "passage_encoder": at("passage"),
                "k": 20,
            },
            "ranker": {"type": "retro", "checkpoint": at("retro"), "k": 10},
            "reader": {
                "type": "retro",
                "checkpoint": at("retro"),
                "passages": 4,
                "max_answer_tokens": 4,
            },
        },
        "bm25-retro": {
            "rewriter": {"type": "keywords", "keep_question": True},
            "retriever": {"fuse": [{"type": "bm25", "k": 20}, sentence], "k": 20},
            "ranker": {
                "type": "retro",
                "checkpoint": at("retro-encodings"),
                "k": 10,
                "neighbours": "keys-values",
            },
        },
    }


@pytest.fixture(params=list(_specs(Path())))
def pipeline_name(request: pytest.FixtureRequest) -> str:
    """Each of those that `World.pipeline` makes."""
    return str(request.param)


def _with(value: Any, options: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_with(item, options) for item in value]
    if not isinstance(value, dict):
        return value
    known = {"sentence", "dpr", "colbert", "cross_encoder", "extractive", "retro"}
    own = options if value.get("type") in known else {}
    return {key: _with(item, options) for key, item in value.items()} | own
