"""A corpus of four passages and pipelines that count words, for tests of code over components."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from odqa import registry
from odqa.data.corpus import Corpus
from odqa.data.dataset import Dataset
from odqa.data.questions import QuestionSet
from odqa.interfaces import Component
from odqa.testing.word_overlap import FirstWordReader, OverlapRanker, OverlapRetriever
from odqa.types import Passage, Question

PASSAGES = (
    Passage("p1", "Rome is a city on the river Tiber", "Rome"),
    Passage("p2", "Thames water flows through London and on", "Thames"),
    Passage("p3", "Seine water flows through Paris", "Seine"),
    Passage("p4", "Nothing here", "Empty"),
)
QUESTIONS = (
    Question("q1", "which river flows through Paris", ("Seine",)),
    Question("q2", "which water flows through London", ("Thames", "River Thames")),
    Question("q3", "who wrote Hamlet", ("Shakespeare",)),
)
QRELS = {"q1": {"p3": 1}, "q2": {"p2": 1}}


def toy_dataset() -> Dataset:
    """Three questions over four passages; the third has no answer in them."""
    corpus = Corpus.from_passages(PASSAGES, "toy")
    return Dataset("toy", corpus, QuestionSet("toy", QUESTIONS), QRELS)


@contextmanager
def toy_components() -> Iterator[None]:
    """The word counters, registered while the block runs."""
    components: tuple[tuple[registry.Role, str, type[Component[Any]]], ...] = (
        ("retriever", "overlap", OverlapRetriever),
        ("ranker", "overlap", OverlapRanker),
        ("reader", "first_word", FirstWordReader),
    )
    for role, name, kind in components:
        registry.register(role, name, kind)
    try:
        yield
    finally:
        for role, name, _ in components:
            registry.unregister(role, name)
