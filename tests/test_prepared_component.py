"""A model is loaded once, a store opened once for each corpus, and errors are one line."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from odqa import registry
from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import ComponentError
from odqa.interfaces import ComponentConfig, Ranker, Reader, Retriever, Rewriter, Stored
from odqa.prepared_component import Opened, PreparedComponent
from odqa.types import Answer, Hit, Passage, Query

QUERY, HIT = Query("q", "who built the tower"), Hit("p", 1.0)
ONE, OTHER = (Corpus.from_passages([Passage("p", text)]) for text in ("a tower", "a river"))
ENTRIES = [
    entry
    for entry in registry.entries()
    if entry.origin == "odqa" and issubclass(entry.load(), PreparedComponent)
]


class Plain(Reader[ComponentConfig], PreparedComponent[ComponentConfig, str, Corpus]):
    """Records the calls of its hooks."""

    Config = ComponentConfig
    type_name = "plain"

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config)
        self.calls: list[str] = []
        self.broken = False

    def _load(self, cache: Cache) -> str:
        time.sleep(0.05)
        self.calls.append("load")
        return "model"

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[Corpus]:
        if self.broken:
            raise KeyboardInterrupt
        self.calls.append(f"open {corpus[0].text}")
        return Opened(corpus, (Stored(self._model, 3),))

    def _release(self, store: Corpus) -> None:
        self.calls.append(f"release {store[0].text}")

    def read(self, questions: Any, hits: Any) -> list[Answer]:
        return [Answer(self._corpus[0].text + self._store[0].text, 0.0) for _ in questions]


@pytest.fixture
def plain() -> Plain:
    return Plain(ComponentConfig())


@pytest.fixture
def cache() -> Cache:
    return Cache(enabled=False)


def online(component: Any) -> Any:
    match component:
        case Retriever():
            return component.retrieve([QUERY], 1)
        case Ranker():
            return component.rank([QUERY], [[HIT]], 1)
        case Rewriter():
            return component.rewrite([QUERY])
        case _:
            return component.read([QUERY], [[HIT]])


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.role}-{e.name}")
def test_whoever_is_not_prepared_says_so_by_its_type(entry: registry.Entry) -> None:
    kind = entry.load()
    is_required = (field := kind.Config.model_fields.get("checkpoint")) and field.is_required()
    component = kind(kind.Config(**({"checkpoint": "none"} if is_required else {})))
    with pytest.raises(ComponentError) as caught:
        online(component)
    assert caught.value.line() == f"{entry.name}: not prepared; call prepare first"
    assert component.stored() == ()
    component.close()


def test_all_with_a_model_or_an_index_have_the_base() -> None:
    names = [(entry.role, entry.name) for entry in ENTRIES]
    assert sorted(names) == [
        ("ranker", "colbert"),
        ("ranker", "cross_encoder"),
        ("ranker", "drmm"),
        ("ranker", "knrm"),
        ("ranker", "llm_listwise"),
        ("ranker", "llm_pointwise"),
        ("ranker", "monot5"),
        ("ranker", "retro"),
        ("ranker", "upr"),
        ("reader", "dpr"),
        ("reader", "extractive"),
        ("reader", "fid"),
        ("reader", "lm"),
        ("reader", "rag_sequence"),
        ("reader", "rag_token"),
        ("reader", "retro"),
        ("retriever", "bm25"),
        ("retriever", "colbert"),
        ("retriever", "dpr"),
        ("retriever", "dssm"),
        ("retriever", "retro"),
        ("retriever", "sentence"),
        ("retriever", "snrm"),
        ("retriever", "splade"),
        ("rewriter", "hyde"),
        ("rewriter", "multi_query"),
    ]


def test_prepared_again_and_on_another_corpus(plain: Plain, cache: Cache) -> None:
    plain.prepare(ONE, cache)
    plain.prepare(Corpus.from_passages(ONE), cache)
    assert plain.calls == ["load", "open a tower"]
    assert plain.stored() == (Stored("model", 3),)
    plain.prepare(OTHER, cache)
    assert plain.calls[2:] == ["open a river", "release a tower"]
    assert online(plain)[0].text == "a rivera river"


def test_closed_and_prepared_again(plain: Plain, cache: Cache) -> None:
    plain.prepare(ONE, cache)
    plain.close()
    plain.close()
    assert plain.stored() == ()
    with pytest.raises(ComponentError, match="plain: not prepared"):
        online(plain)
    plain.prepare(ONE, cache)
    once = ["load", "open a tower"]
    assert plain.calls == [*once, "release a tower", *once]


def test_interrupted_on_another_corpus_the_one_before_stays(plain: Plain, cache: Cache) -> None:
    plain.prepare(ONE, cache)
    plain.broken = True
    with pytest.raises(KeyboardInterrupt):
        plain.prepare(OTHER, cache)
    assert online(plain)[0].text == "a towera tower"
    plain.broken = False
    plain.prepare(OTHER, cache)
    assert online(plain)[0].text == "a rivera river"


def test_interrupted_at_first_it_is_not_prepared(plain: Plain, cache: Cache) -> None:
    plain.broken = True
    with pytest.raises(KeyboardInterrupt):
        plain.prepare(ONE, cache)
    with pytest.raises(ComponentError, match="not prepared"):
        online(plain)


def test_threads_that_prepare_at_once_load_once(plain: Plain, cache: Cache) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: plain.prepare(ONE, cache), range(4)))
    assert plain.calls == ["load", "open a tower"]
