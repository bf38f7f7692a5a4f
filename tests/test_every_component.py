"""Every registered component passes the conformance suite, with the models that ship with odqa."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from odqa import registry
from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.data.dataset import Dataset
from odqa.data.load import DataConfig, load_dataset
from odqa.data.predictions import write_squad
from odqa.data.trec import write_run
from odqa.execution.components import stage_sources
from odqa.interfaces import Component, Fusion, Ranker, Reader, Retriever, Rewriter
from odqa.retrievers.oracle import cache_gold
from odqa.spec.stage import StageSpec
from odqa.testing.conformance import (
    check_fusion,
    check_ranker,
    check_reader,
    check_retriever,
    check_rewriter,
)
from odqa.testing.tiny_checkpoints import tiny_bert
from odqa.testing.tiny_retro import tiny_retro
from odqa.types import Hit

#: Enough passages for every suite, few enough for one thread.
PASSAGES, QUESTIONS = 24, 4
BUILT_IN = [entry for entry in registry.entries() if entry.origin == "odqa"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def data(cache: Cache) -> Dataset:
    dataset = load_dataset(DataConfig.from_name("embedded"), cache).take(QUESTIONS)
    gold_passages = [dataset.corpus.get(p) for gold in (dataset.qrels or {}).values() for p in gold]
    other_passages = [
        p for p in dataset.corpus.slice(0, PASSAGES + QUESTIONS) if p not in gold_passages
    ]
    corpus = Corpus.from_passages([*gold_passages, *other_passages][:PASSAGES], "few")
    return Dataset("few", corpus, dataset.questions, dataset.qrels)


def parameters(entry: registry.Entry, data: Dataset, folder: Path, cache: Cache) -> dict[str, Any]:
    """The parameters that a component requires; the others are defaults.

    Types for which odqa ships no weights get tiny random ones: the contract binds those too.
    """
    if (entry.role, entry.name) == ("ranker", "cross_encoder"):
        head = "BertForSequenceClassification"
        return {"checkpoint": str(tiny_bert(folder / "tiny", head, num_labels=1))}
    if entry.name == "queries":
        lines = (json.dumps({"id": q.id, "queries": [q.text, "x"]}) for q in data.questions)
        (folder / "queries.jsonl").write_text("\n".join(lines), encoding="utf-8")
        return {"path": str(folder / "queries.jsonl")}
    if (entry.role, entry.name) == ("reader", "retro"):
        return {"checkpoint": str(tiny_retro(folder / "tiny"))}
    if entry.name == "oracle":
        return {"gold": cache_gold(data.qrels or {}, cache)}
    if entry.name == "predictions":
        write_squad(folder / "other.json", {q.id: q.answers[0] for q in data.questions})
        return {"path": str(folder / "other.json")}
    if entry.name != "run":
        return {}
    ids = data.corpus.ids(range(len(data.corpus)))
    hits = {q.id: [Hit(i, float(-n)) for n, i in enumerate(ids)] for q in data.questions}
    write_run(folder / "other.trec", hits, tag="other")
    return {"path": str(folder / "other.trec")}


@pytest.fixture
def component(
    request: pytest.FixtureRequest, data: Dataset, cache: Cache, tmp_path: Path
) -> Iterator[Component[Any]]:
    entry: registry.Entry = request.param
    kind = entry.load()
    prepared = kind(kind.Config(**parameters(entry, data, tmp_path, cache)))
    prepared.prepare(data.corpus, cache)
    yield prepared
    prepared.close()


@pytest.mark.parametrize("component", BUILT_IN, indirect=True, ids=lambda e: f"{e.role}-{e.name}")
def test_conforms(component: Component[Any], data: Dataset) -> None:
    questions = data.questions.questions
    ids = data.corpus.ids(range(8))
    hits = [[Hit(i, float(-n)) for n, i in enumerate(ids)] for _ in questions]
    match component:
        case Rewriter():
            check_rewriter(component, questions)
        case Retriever():
            check_retriever(component, questions, len(data.corpus))
        case Fusion():
            check_fusion(component, [hits[0][:5], hits[0][3:], hits[0][::-1][:4]])
        case Ranker():
            check_ranker(component, questions, hits)
        case _:
            assert isinstance(component, Reader)
            check_reader(component, questions, hits)


@pytest.mark.parametrize("component", BUILT_IN, indirect=True, ids=lambda e: f"{e.role}-{e.name}")
def test_says_what_it_costs(component: Component[Any], data: Dataset) -> None:
    question = data.questions.questions[0]
    cost = component.cost(question, [Hit(i, 0.0) for i in data.corpus.ids(range(4))])
    assert cost.parameters >= 0
    assert cost.gflop is None or cost.gflop > 0
    for item in component.stored():
        assert item.bytes > 0
    if component.stored():
        assert component.precomputes, "odqa components says what can be kept"


@pytest.mark.parametrize("component", BUILT_IN, indirect=True, ids=lambda e: f"{e.role}-{e.name}")
def test_notices_new_weights_under_an_old_name(
    component: Component[Any], cache: Cache, request: pytest.FixtureRequest
) -> None:
    """Or results of the weights before would be taken from the cache for those of the new ones."""
    entry = request.node.callspec.params["component"]
    checkpoints = {
        value
        for key, value in component.config.model_dump().items()
        if key == "checkpoint" or key.endswith("_encoder")
    }
    sources = stage_sources(StageSpec(entry.role, entry.name, component.config), cache)
    assert set(sources) == checkpoints
    assert all(len(digest) == 64 for digest in sources.values())
