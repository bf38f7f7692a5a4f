"""Every registered component passes the conformance suite, with the models that ship with odqa,
and gives the results that its version gave before.

``python tests/test_every_component.py`` writes these results anew, after a ``version`` was raised.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
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
from odqa.interfaces import Component, Fusion, ModelConfig, Ranker, Reader, Retriever, Rewriter
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
from odqa.testing.tiny_generators import tiny_generator
from odqa.testing.tiny_retro import tiny_retro
from odqa.types import Hit, Query

#: Enough passages for every suite, few enough for one thread.
PASSAGES, QUESTIONS = 24, 4
BUILT_IN = [entry for entry in registry.entries() if entry.origin == "odqa"]
#: Results of every type: "role name version" -> question id -> what it gave.
PINS = Path(__file__).parent / "pinned" / "components.json"
#: Those that are named no model by default are pinned with the ones that ship with odqa.
TRAINED: dict[tuple[str, str], dict[str, object]] = {
    ("ranker", "cross_encoder"): {"checkpoint": "embedded:cross-encoder"},
    ("reader", "rag_sequence"): {"checkpoint": "embedded:fid"},
    ("reader", "rag_token"): {"checkpoint": "embedded:fid"},
    ("reader", "retro"): {"checkpoint": "embedded:retro-reader"},
}
#: Types that need an encoder-decoder and are named none by default.
SEQ2SEQ = ("rag_sequence", "rag_token")
#: Processors round what models compute differently; passages whose scores are as near as this may
#: change places.
TOLERANCE, WITHOUT_MODEL = 1e-3, 1e-5


@pytest.fixture(scope="module")
def cache(cache_of_models: Cache) -> Cache:
    return cache_of_models


@pytest.fixture(scope="module")
def data(cache: Cache) -> Dataset:
    return few_passages(cache)


def few_passages(cache: Cache) -> Dataset:
    """Some questions over the passages that answer them and some others."""
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
    if entry.name in ("hyde", "multi_query"):
        return {"max_answer_tokens": 12}
    if entry.name == "llm_listwise":
        # The embedded model takes 512 tokens.
        return {"window": 4, "step": 2, "passage_words": 30}
    if entry.name == "queries":
        lines = (json.dumps({"id": q.id, "queries": [q.text, "x"]}) for q in data.questions)
        (folder / "queries.jsonl").write_text("\n".join(lines), encoding="utf-8")
        return {"path": str(folder / "queries.jsonl")}
    if (entry.role, entry.name) == ("reader", "retro"):
        return {"checkpoint": str(tiny_retro(folder / "tiny"))}
    if entry.name in SEQ2SEQ:
        return {"checkpoint": str(tiny_generator(folder / "tiny", "t5", seed=2, spread=1.0))}
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
    ready = made(request.param, data, tmp_path, cache)
    yield ready
    ready.close()


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


def made(
    entry: registry.Entry, data: Dataset, folder: Path, cache: Cache, **overrides: object
) -> Component[Any]:
    """A component, ready to be asked."""
    kind = entry.load()
    component = kind(kind.Config(**{**parameters(entry, data, folder, cache), **overrides}))
    component.prepare(data.corpus, cache)
    return component


def pinned() -> dict[str, Any]:
    """What `main` wrote."""
    return dict(json.loads(PINS.read_text(encoding="utf-8")))


def pin_name(entry: registry.Entry) -> str:
    return f"{entry.role} {entry.name} {entry.load().version}"


def results(entry: registry.Entry, data: Dataset, folder: Path, cache: Cache) -> dict[str, Any]:
    """Question id -> texts, hits or an answer; from the first passages of the corpus."""
    component = made(entry, data, folder, cache, **TRAINED.get((entry.role, entry.name), {}))
    questions: Sequence[Query] = data.questions.questions
    if not component.config.sees_answers:
        questions = [question.query for question in data.questions]
    ids = data.corpus.ids(range(8))
    given = [[Hit(i, -0.7 * n * (n + q)) for n, i in enumerate(ids)] for q in range(QUESTIONS)]
    match component:
        case Rewriter():
            found = [{"texts": texts} for texts in component.rewrite(questions)]
        case Retriever():
            found = list(map(_plain, component.retrieve(questions, 8)))
        case Fusion():
            lists = [[hits[:5], hits[3:], hits[2:7:2]] for hits in given]
            found = list(map(_plain, component.fuse(lists, 6)))
        case Ranker():
            found = list(map(_plain, component.rank(questions, given, 8)))
        case _:
            assert isinstance(component, Reader)
            found = [
                {"answer": [a.text, a.passage_id, a.start, a.end], "scores": [_rounded(a.score)]}
                for a in component.read(questions, given)
            ]
    component.close()
    return {question.id: each for question, each in zip(questions, found, strict=True)}


def _plain(hits: Sequence[Hit]) -> dict[str, list[Any]]:
    scores = [_rounded(hit.score) for hit in hits]
    return {"passages": [hit.passage_id for hit in hits], "scores": scores}


def _rounded(score: float) -> float:
    return float(f"{score:.6g}")


def differ(found: dict[str, Any], expected: dict[str, Any], tolerance: float) -> bool:
    """Whether two results of one question differ by more than rounding."""

    def near(a: float, b: float) -> bool:
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance if tolerance > 1e-4 else 0)

    before, after = expected.get("scores", []), found.get("scores", [])
    if len(after) != len(before) or not all(map(near, after, before)):
        return True
    names = [key for key in expected if key != "scores"]
    if any(near(a, b) for a, b in pairwise(before)):
        return any(sorted(found[key]) != sorted(expected[key]) for key in names)
    fixed = _beginning if tolerance == TOLERANCE else list
    return any(fixed(found[key]) != fixed(expected[key]) for key in names)


def _beginning(value: Sequence[Any]) -> list[Any]:
    """What of ids, texts or an answer is the same on all processors.

    A word that a model generates decides those after it, and rounding may decide a word.
    """
    if len(value) == 4 and value[1:] == [None, None, None]:
        return [value[0].split()[:1]]
    return [" ".join(text.split()[:3]) for text in value if isinstance(text, str)] + [
        other for other in value if not isinstance(other, str)
    ]


@pytest.mark.parametrize("entry", BUILT_IN, ids=lambda e: f"{e.role}-{e.name}")
def test_gives_the_results_of_its_version(
    entry: registry.Entry, data: Dataset, cache: Cache, tmp_path: Path
) -> None:
    """Or results of before would be taken from the cache for those of the code of today."""
    before = pinned().get(pin_name(entry))
    write = f"write the pins anew: python {Path(__file__).relative_to(PINS.parents[2])}"
    assert before is not None, f"there are no pins of {pin_name(entry)}: {write}"
    after = results(entry, data, tmp_path, cache)
    tolerance = TOLERANCE if issubclass(entry.load().Config, ModelConfig) else WITHOUT_MODEL
    changed = [key for key in before if differ(after[key], before[key], tolerance)]
    assert not changed, (
        f"{pin_name(entry)} gives other results for {', '.join(changed)}, such as "
        f"{after[changed[0]]}, not {before[changed[0]]}. If that is meant, raise `version` of "
        f"{entry.target}, then {write}"
    )


def test_pins_are_of_the_types_and_versions_that_there_are() -> None:
    assert list(pinned()) == [pin_name(entry) for entry in BUILT_IN]


HITS = {"passages": ["a", "b", "c"], "scores": [3.0, 2.0, 1.0]}
TIED = {"passages": ["a", "b"], "scores": [3.0, 3.0]}
ANSWER = {"answer": ["x", "p", 0, 1], "scores": [1.0]}
SAID = {"answer": ["the bird", None, None, None], "scores": [1.0]}


@pytest.mark.parametrize(
    ("found", "expected", "is_change"),
    [
        (HITS, HITS, False),
        ({**HITS, "scores": [3.001, 2.0, 1.0]}, HITS, False),
        ({**HITS, "scores": [3.1, 2.0, 1.0]}, HITS, True),
        ({**HITS, "passages": ["b", "a", "c"]}, HITS, True),
        ({"passages": ["a", "b"], "scores": [3.0, 2.0]}, HITS, True),
        ({**TIED, "passages": ["b", "a"]}, TIED, False),
        ({**TIED, "passages": ["b", "c"]}, TIED, True),
        ({"texts": ["x", "y"]}, {"texts": ["x", "y"]}, False),
        ({"texts": ["y", "x"]}, {"texts": ["x", "y"]}, True),
        ({"texts": ["x"]}, {"texts": ["x", "y"]}, True),
        (ANSWER, ANSWER, False),
        ({**ANSWER, "answer": ["x", "q", 0, 1]}, ANSWER, True),
        ({**SAID, "answer": ["the sea", None, None, None]}, SAID, False),
        ({**SAID, "answer": ["a bird", None, None, None]}, SAID, True),
        ({**ANSWER, "scores": [1.1]}, ANSWER, True),
    ],
)
def test_a_change_is_more_than_rounding(
    found: dict[str, Any], expected: dict[str, Any], is_change: bool
) -> None:
    assert differ(found, expected, TOLERANCE) == is_change


def test_without_a_model_scores_are_held_closer() -> None:
    # Reciprocal ranks with a constant of 61 instead of 60.
    found, expected = ({"passages": ["a"], "scores": [score]} for score in (1 / 62, 1 / 61))
    assert not differ(found, expected, TOLERANCE)
    assert differ(found, expected, WITHOUT_MODEL)


def main() -> None:
    """Write the pins."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder) / "cache")
        data = few_passages(cache)
        pins = {}
        for entry in BUILT_IN:
            own = Path(folder) / f"{entry.role}-{entry.name}"
            own.mkdir()
            pins[pin_name(entry)] = results(entry, data, own, cache)
    lines = [
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"
        for key, value in pins.items()
    ]
    PINS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    sys.stdout.write(f"{PINS}\n")


if __name__ == "__main__":
    main()
