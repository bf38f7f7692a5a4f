from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.retrievers.bm25 import Bm25Config, Bm25Retriever
from odqa.testing.conformance import check_retriever
from odqa.types import Passage, Question

PASSAGES = [
    Passage("a/1", "Red foxes jump over lazy dogs.", "Fox"),
    Passage("b_2", "A dog sleeps; the dog dreams.", "Dog"),
    Passage("ü", "Blue whales swim in deep water near Paris.", ""),
    Passage("9", "Nothing of interest.", "Empty"),
    Passage("10", "Red foxes jump over lazy dogs.", "Fox"),
    Passage("none", "", ""),
    Passage("c", "Paris is a city; foxes live in Paris, dogs in Rome.", "Paris"),
]
QUESTIONS = [
    Question("q1", "which dog dreams of foxes?"),
    Question("q2", "what swims near Paris"),
    Question("q3", "the of and"),
    Question("q4", "red fox"),
]


def ready(cache: Cache, **settings: float) -> Bm25Retriever:
    retriever = Bm25Retriever(Bm25Config.model_validate(settings))
    retriever.prepare(Corpus.from_passages(PASSAGES), cache)
    return retriever


@pytest.mark.java
def test_keeps_the_contract(tmp_path: Path) -> None:
    check_retriever(ready(Cache(tmp_path)), QUESTIONS, len(PASSAGES))


@pytest.mark.java
def test_titles_count_ties_go_by_id_and_ids_travel(tmp_path: Path) -> None:
    results = ready(Cache(tmp_path)).retrieve(QUESTIONS, 10)
    ids = [[hit.passage_id for hit in hits] for hits in results]
    assert ids[0][0] == "b_2"
    assert ids[1] == ["ü", "c"]
    assert ids[2] == []
    # "Fox" is only in the title of the twins, whose scores are equal to the last bit.
    assert ids[3] == ["10", "a/1", "c"]
    assert results[3][0].score == results[3][1].score > results[3][2].score


@pytest.mark.java
def test_one_index_serves_every_k1_and_b(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    usual = ready(cache).retrieve(QUESTIONS, 3)
    steeper = ready(cache, k1=2.0, b=1.0).retrieve(QUESTIONS, 3)
    assert (cache.misses, cache.hits) == (1, 1)
    assert usual != steeper


@pytest.mark.java
def test_stored_and_described(tmp_path: Path) -> None:
    retriever = Bm25Retriever(Bm25Config())
    assert retriever.stored() == ()
    assert retriever.describe() == {}
    retriever.prepare(Corpus.from_passages(PASSAGES), Cache(tmp_path))
    (stored,) = retriever.stored()
    assert stored.bytes > 1000
    assert int(retriever.describe()["java"].split(".")[0]) >= 21
    retriever.close()
    retriever.close()
    assert retriever.describe() == {}


def test_what_is_no_parameter() -> None:
    for wrong in ({"b": 1.5}, {"k1": -0.1}, {"threads": 0}, {"heap_mb": 1}, {"k": 0}, {"k2": 1}):
        with pytest.raises(ValidationError):
            Bm25Config.model_validate(wrong)


def test_threads_and_memory_do_not_change_the_identity() -> None:
    assert Bm25Config(threads=7, heap_mb=999).identity() == Bm25Config().identity()
    assert Bm25Config(k1=1.2).identity() != Bm25Config().identity()


def test_unusable_java_is_one_line(tmp_path: Path) -> None:
    code = """
from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import EnvironmentProblem
from odqa.retrievers.bm25 import Bm25Config, Bm25Retriever
from odqa.types import Passage
import sys
retriever = Bm25Retriever(Bm25Config())
assert "jnius" not in sys.modules and "jnius_config" not in sys.modules
try:
    retriever.prepare(Corpus.from_passages([Passage("1", "x")]), Cache(sys.argv[1]))
except EnvironmentProblem as problem:
    print(problem)
"""
    environment = os.environ | {"ODQA_JAVA_HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "cache")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.count("\n") == 1
    assert "cannot be run" in run.stdout
    assert "set ODQA_JAVA_HOME" in run.stdout


PYSERINI = """
import json, os, sys
from odqa.indexes.lucene import start_java
start_java()
os.environ.setdefault("OPENAI_API_KEY", "none")
from pyserini.search.lucene import LuceneSearcher
from pyserini.index.lucene import LuceneIndexer
folder, passages, questions = json.load(sys.stdin)
indexer = LuceneIndexer(folder, threads=1)
indexer.add_batch_dict([{"id": i, "contents": text} for i, text in passages])
indexer.close()
searcher = LuceneSearcher(folder)
searcher.set_bm25(0.9, 0.4)
results = searcher.batch_search(questions, [str(i) for i in range(len(questions))], 20, 1)
hits = [[(hit.docid, hit.score) for hit in results[str(i)]] for i in range(len(questions))]
print(json.dumps(hits))
"""


@pytest.mark.java
@pytest.mark.slow
def test_same_hits_as_pyserinis_own_searcher(tmp_path: Path) -> None:
    filled = [passage for passage in PASSAGES if passage.full_text]
    peer_input = [str(tmp_path / "peer"), [(p.id, p.full_text) for p in filled]]
    peer_input.append([question.text for question in QUESTIONS])
    run = subprocess.run(
        [sys.executable, "-c", PYSERINI],
        input=json.dumps(peer_input),
        capture_output=True,
        text=True,
        check=True,
    )
    peer = json.loads(run.stdout.splitlines()[-1])
    hits_by_question = ready(Cache(tmp_path / "cache")).retrieve(QUESTIONS, 20)
    for hits, peer_hits in zip(hits_by_question, peer, strict=True):
        # pyserini rounds to four decimals, shifts ties by 1e-6 and orders them by id.
        expected = {passage_id: pytest.approx(score, abs=6e-5) for passage_id, score in peer_hits}
        assert {hit.passage_id: hit.score for hit in hits} == expected


@pytest.mark.java
def test_the_order_of_the_corpus_does_not_matter(tmp_path: Path) -> None:
    twins = [Passage(f"t{i}", "Red foxes jump over lazy dogs.", "Fox") for i in range(40)]
    results = []
    for order in (1, -1):
        retriever = Bm25Retriever(Bm25Config())
        retriever.prepare(
            Corpus.from_passages([*PASSAGES, *twins][::order]), Cache(tmp_path / str(order))
        )
        results.append([retriever.retrieve(QUESTIONS, k) for k in (1, 5, 30, 100)])
        retriever.close()
    assert results[0] == results[1]
    # "Fox" 42 times: the first by id, as text.
    assert [hit.passage_id for hit in results[0][1][3]] == ["10", "a/1", "t0", "t1", "t10"]


#: Words in two groups: what goes with one of a group is taken over by feedback.
_RNG = random.Random(4)
FIELDS = [[f"{a}{b}word" for b in "bcdfghjk"] for a in "aeiouy"]
MANY = [
    Passage(f"p{i}", " ".join(_RNG.choices(_RNG.choice(FIELDS), k=4)), _RNG.choice(FIELDS[0]))
    for i in range(120)
]
ASKED = [Question(f"q{i}", f"{field[0]} {field[1]}") for i, field in enumerate(FIELDS)]
ASKED += [Question("one", FIELDS[1][2]), Question("none", "unknown words")]
PYSERINI_RM3 = """
import json, os, sys
from odqa.indexes.lucene import start_java
start_java()
os.environ.setdefault("OPENAI_API_KEY", "none")
from pyserini.search.lucene import LuceneSearcher
folder, settings, questions = json.load(sys.stdin)
out = []
for terms, docs, weight in settings:
    searcher = LuceneSearcher(folder)
    searcher.set_bm25(0.9, 0.4)
    searcher.set_rm3(terms, docs, weight)
    results = searcher.batch_search(questions, [str(i) for i in range(len(questions))], 120, 1)
    out.append(
        [[(int(hit.docid), hit.score) for hit in results[str(i)]] for i in range(len(questions))]
    )
print(json.dumps(out))
"""
SETTINGS = [(10, 10, 0.5), (3, 5, 0.8), (20, 30, 0.0)]


def many(cache: Cache, **settings: object) -> Bm25Retriever:
    retriever = Bm25Retriever(Bm25Config.model_validate(settings))
    retriever.prepare(Corpus.from_passages(MANY), cache)
    return retriever


def feedback(terms: int, docs: int, weight: float) -> dict[str, object]:
    return {"fb_terms": terms, "fb_docs": docs, "original_query_weight": weight}


@pytest.mark.java
@pytest.mark.slow
def test_rm3_is_that_of_pyserini_on_the_same_index(tmp_path: Path) -> None:
    found = [
        many(Cache(tmp_path), rm3=feedback(*setting)).retrieve(ASKED, 120) for setting in SETTINGS
    ]
    (folder,) = (tmp_path / "lucene").glob("*/index")
    run = subprocess.run(
        [sys.executable, "-c", PYSERINI_RM3],
        input=json.dumps([str(folder), SETTINGS, [question.text for question in ASKED]]),
        capture_output=True,
        text=True,
        check=True,
    )
    peer = json.loads(run.stdout.splitlines()[-1])
    plain = many(Cache(tmp_path)).retrieve(ASKED, 120)
    for by_question, peer_by_question in zip(found, peer, strict=True):
        for hits, peer_hits in zip(by_question, peer_by_question, strict=True):
            # Rounded to four decimals, and ties lowered by 1e-6 each.
            expected = {f"p{row}": pytest.approx(score, abs=2e-4) for row, score in peer_hits}
            assert {hit.passage_id: hit.score for hit in hits} == expected
        # More passages than those with the words that were asked for.
        longer = [len(a) > len(b) for a, b in zip(by_question, plain, strict=True)]
        assert sum(longer) >= 4
        assert by_question[-1] == []


@pytest.mark.java
def test_rm3_keeps_the_contract(tmp_path: Path) -> None:
    retriever = many(Cache(tmp_path), rm3={})
    check_retriever(retriever, ASKED, len(MANY))
    assert retriever.describe()["rm3"] == "10 terms of 10 passages, question 0.5"


@pytest.mark.java
def test_fewer_hits_than_feedback_passages_are_the_first_of_more(tmp_path: Path) -> None:
    retriever = many(Cache(tmp_path), rm3=feedback(5, 30, 0.5))
    long = retriever.retrieve(ASKED, 100)
    for one, hits in zip(retriever.retrieve(ASKED, 2), long, strict=True):
        assert one == hits[:2]


@pytest.mark.java
def test_the_whole_weight_on_the_question_is_plain_bm25_scaled(tmp_path: Path) -> None:
    plain = many(Cache(tmp_path)).retrieve(ASKED[:1], 10)[0]
    kept = many(Cache(tmp_path), rm3=feedback(5, 10, 1.0)).retrieve(ASKED[:1], 10)[0]
    assert [hit.passage_id for hit in kept] == [hit.passage_id for hit in plain]
    # Two words, each of half the weight.
    assert [2 * hit.score for hit in kept] == pytest.approx([hit.score for hit in plain], rel=1e-5)


def test_without_rm3_keys_are_those_of_before() -> None:
    assert Bm25Config().identity() == {"k": 100, "k1": 0.9, "b": 0.4}
    identity = Bm25Config.model_validate({"rm3": {"fb_terms": 3}}).identity()
    assert identity["rm3"] == {"fb_terms": 3, "fb_docs": 10, "original_query_weight": 0.5}
    with pytest.raises(ValidationError, match="Extra inputs"):
        Bm25Config.model_validate({"rm3": {"fb_term": 3}})


@pytest.mark.java
def test_feedback_has_an_index_of_its_own(tmp_path: Path) -> None:
    many(Cache(tmp_path))
    cache = Cache(tmp_path)
    many(cache, rm3={})
    many(cache, rm3={"fb_docs": 3})
    assert (cache.misses, cache.hits) == (1, 1)
