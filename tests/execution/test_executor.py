from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.encoders.sharded import Shard, encode_shards
from odqa.errors import ComponentError
from odqa.execution.executor import Executor
from odqa.execution.latency import measure_latency
from odqa.execution.record import StageRecord
from odqa.fusion.ranks import ReciprocalRankFusion
from odqa.interfaces import Cost
from odqa.meters.meter import Spent
from odqa.rewriters.keywords import KeywordsRewriter
from odqa.spec.pipeline import PipelineSpec, parse_pipeline
from odqa.testing.toys import toy_components, toy_dataset
from odqa.testing.word_overlap import FirstWordReader, OverlapRanker, OverlapRetriever
from odqa.types import Hit, Query

pytestmark = pytest.mark.usefixtures("toys")


with toy_components():
    BARE = parse_pipeline("{name: bare, retriever: {type: overlap, k: 3}}")
    RANKED = parse_pipeline(
        "{name: ranked, retriever: {type: overlap, k: 3}, ranker: {type: overlap, k: 2}}"
    )
    WIDER_BARE = parse_pipeline("{name: bare, retriever: {type: overlap, k: 4}}")


def run(cache: Cache, *specs: PipelineSpec) -> dict[str, dict[str, list[Hit]]]:
    executor = Executor(toy_dataset(), cache)
    plan = executor.plan(specs)
    records = executor.run(plan)
    return {
        name: dict(records[list(chain.values())[-1]].hits or {})
        for name, chain in plan.keys.items()
    }


def test_a_second_run_is_read_from_the_cache_and_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(Cache(tmp_path), BARE, RANKED)
    monkeypatch.setattr(OverlapRetriever, "retrieve", None)
    monkeypatch.setattr(OverlapRanker, "rank", None)
    assert run(Cache(tmp_path), BARE, RANKED) == first
    # "which river flows through Paris": p3 shares flows, through, Paris in 6 words of full text.
    assert first["ranked"]["q1"][0].passage_id == "p3"


def test_shared_stages_run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    retrieve = OverlapRetriever.retrieve
    monkeypatch.setattr(OverlapRetriever, "retrieve", lambda *a: calls.append(1) or retrieve(*a))
    run(Cache(tmp_path), BARE, RANKED)
    assert len(calls) == 1


def test_a_killed_run_goes_on_at_its_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OverlapRetriever, "questions_per_call", 1)
    retrieved_ids: list[str] = []
    retrieve = OverlapRetriever.retrieve

    def dying(self, questions, k):  # type: ignore[no-untyped-def]
        if len(retrieved_ids) == 2:
            raise KeyboardInterrupt
        retrieved_ids.extend(q.id for q in questions)
        return retrieve(self, questions, k)

    monkeypatch.setattr(OverlapRetriever, "retrieve", dying)
    with pytest.raises(KeyboardInterrupt):
        run(Cache(tmp_path), BARE)
    resumed_ids: list[str] = []

    def noting(self, questions, k):  # type: ignore[no-untyped-def]
        resumed_ids.extend(q.id for q in questions)
        return retrieve(self, questions, k)

    monkeypatch.setattr(OverlapRetriever, "retrieve", noting)
    hits = run(Cache(tmp_path), BARE)
    assert (retrieved_ids, resumed_ids) == (["q1", "q2"], ["q3"])
    assert list(hits["bare"]) == ["q1", "q2", "q3"]


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        ([[Hit("p1", 1.0)]], "1 lists of hits for 3 questions"),
        ([[Hit("p1", 1.0), Hit("p1", 0.5)]] * 3, "one passage twice"),
        ([[Hit("p1", 0.1), Hit("p2", 0.5)]] * 3, "scores that rise"),
        ([[Hit("p1", float("nan"))]] * 3, "no finite number"),
        ([[Hit("p9", 1.0)]] * 3, "a passage it was not given"),
        ([[Hit("p1", 0.2), Hit("p2", 0.2), Hit("p3", 0.1)]] * 3, "3 passages, asked for 2"),
    ],
)
def test_a_component_that_breaks_its_contract_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: list[list[Hit]], complaint: str
) -> None:
    monkeypatch.setattr(OverlapRanker, "rank", lambda *a: result)
    with pytest.raises(ComponentError, match=f"ranker 'overlap' broke its contract.*{complaint}"):
        run(Cache(tmp_path), RANKED)


def test_new_weights_under_an_old_name_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(Cache(tmp_path), BARE)
    calls = []
    retrieve = OverlapRetriever.retrieve
    monkeypatch.setattr(OverlapRetriever, "retrieve", lambda *a: calls.append(1) or retrieve(*a))
    run(Cache(tmp_path), BARE)
    assert not calls
    monkeypatch.setattr(OverlapRetriever, "sources", lambda *a: {"checkpoint": "changed"})
    run(Cache(tmp_path), BARE)
    assert calls


def retrieved(cache: Cache, spec: PipelineSpec = BARE) -> StageRecord:
    executor = Executor(toy_dataset(), cache)
    (record,) = executor.run(executor.plan([spec])).values()
    return record


def test_seconds_from_the_cache_are_marked_and_those_of_the_run(tmp_path: Path) -> None:
    first, second = retrieved(Cache(tmp_path)), retrieved(Cache(tmp_path))
    assert (first.reused, second.reused) == (False, True)
    assert first.online == second.online and first.online.seconds > 0


def test_a_resumed_stage_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OverlapRetriever, "questions_per_call", 2)
    retrieve = OverlapRetriever.retrieve

    def dying(self, questions, k):  # type: ignore[no-untyped-def]
        if questions[0].id == "q3":
            raise KeyboardInterrupt
        return retrieve(self, questions, k)

    with monkeypatch.context() as patch:
        patch.setattr(OverlapRetriever, "retrieve", dying)
        with pytest.raises(KeyboardInterrupt):
            retrieved(Cache(tmp_path))
    resumed = retrieved(Cache(tmp_path))
    assert resumed.reused
    assert resumed.hits == retrieved(Cache(enabled=False)).hits


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (32, 2)])
def test_batches_cut_elsewhere_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    monkeypatch.setattr(OverlapRetriever, "questions_per_call", before)
    monkeypatch.setattr(Executor, "_facts", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        retrieved(Cache(tmp_path))
    monkeypatch.undo()
    monkeypatch.setattr(OverlapRetriever, "questions_per_call", after)
    record = retrieved(Cache(tmp_path))
    assert record.hits == retrieved(Cache(enabled=False)).hits
    batches = next(p for p in (tmp_path / "stages").iterdir() if p.is_dir())
    assert len(list(batches.glob("batch-*.json"))) == -(-3 // after)


def prepare_an_index(self: OverlapRetriever, corpus: Corpus, cache: Cache) -> None:
    """Offline work of a twentieth of a second, kept in the cache."""
    self.corpus = corpus
    cache.artifact("index", {"of": corpus.fingerprint}, lambda work: time.sleep(0.05))


def test_offline_seconds_survive_and_include_what_was_built_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OverlapRetriever, "prepare", prepare_an_index)
    # `odqa index` builds ahead, and is not where seconds are kept.
    OverlapRetriever(BARE.retriever.config).prepare(toy_dataset().corpus, Cache(tmp_path))
    first = retrieved(Cache(tmp_path))
    assert first.offline.seconds >= 0.05
    deeper = retrieved(Cache(tmp_path), WIDER_BARE)
    assert not deeper.reused
    assert deeper.offline == first.offline


def test_offline_seconds_are_those_of_every_run_that_worked_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = True

    def encode(start: int, stop: int) -> Shard:
        if killed and start == 3:
            raise KeyboardInterrupt
        time.sleep(0.05)
        return Shard(np.ones((1, 2), np.float32), np.ones(1, np.int64))

    def prepare(self: OverlapRetriever, corpus: Corpus, cache: Cache) -> None:
        self.corpus = corpus
        cache.artifact("vectors", {}, lambda work: encode_shards(work, 4, 2, encode, shard=1))

    monkeypatch.setattr(OverlapRetriever, "prepare", prepare)
    with pytest.raises(KeyboardInterrupt):
        retrieved(Cache(tmp_path))
    killed = False
    record = retrieved(Cache(tmp_path))
    assert record.offline.seconds >= 4 * 0.05
    # What earlier runs spent is no loading of this one.
    assert record.load_seconds is not None and record.load_seconds < record.offline.seconds


def prepare_slowly(self: OverlapRetriever, corpus: Corpus, cache: Cache) -> None:
    """Loads for a tenth of a second, and builds for a twentieth, one artifact inside of another."""

    def outer(work: Path) -> None:
        cache.artifact("inner", {"of": corpus.fingerprint}, lambda work: time.sleep(0.05))

    time.sleep(0.1)
    self.corpus = corpus
    cache.artifact("outer", {"of": corpus.fingerprint}, outer)


def test_loading_is_no_offline_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OverlapRetriever, "prepare", prepare_slowly)
    first = retrieved(Cache(tmp_path))
    assert first.load_seconds is not None and first.load_seconds >= 0.1
    # What was built inside of another artifact counts once.
    assert 0.05 <= first.offline.seconds < 0.1 + first.load_seconds
    # A later stage of the same component on this corpus keeps the figures.
    deeper = retrieved(Cache(tmp_path), WIDER_BARE)
    assert deeper.load_seconds == first.load_seconds


def test_a_component_that_keeps_nothing_has_no_offline_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(self: OverlapRetriever, corpus: Corpus, cache: Cache) -> None:
        time.sleep(0.05)
        self.corpus = corpus

    monkeypatch.setattr(OverlapRetriever, "prepare", prepare)
    record = retrieved(Cache(tmp_path))
    assert record.offline.seconds == 0.0
    assert record.load_seconds is not None and record.load_seconds >= 0.05


def test_waiting_for_another_process_is_no_offline_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OverlapRetriever, "prepare", prepare_an_index)
    retriever = OverlapRetriever(BARE.retriever.config)
    retriever.prepare(toy_dataset().corpus, Cache(tmp_path))
    (built,) = (tmp_path / "index").glob("*.lock")
    shutil.rmtree(built.with_suffix(""))
    lock_held = threading.Event()

    def hold() -> None:
        with FileLock(built):
            lock_held.set()
            time.sleep(1.0)

    threading.Thread(target=hold).start()
    lock_held.wait()
    cache = Cache(tmp_path)
    seconds = retrieved(cache).offline.seconds
    assert 0.05 <= seconds < cache.waited


def test_two_runs_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: run(Cache(tmp_path), BARE, RANKED), range(2)))
    assert results[0] == results[1] == run(Cache(enabled=False), BARE, RANKED)


def test_without_cache_nothing_is_reused() -> None:
    assert not retrieved(Cache(enabled=False)).reused
    assert not retrieved(Cache(enabled=False)).reused


def test_memory_is_measured_and_kept_with_the_results(tmp_path: Path) -> None:
    first = retrieved(Cache(tmp_path))
    second = retrieved(Cache(tmp_path))
    for spent in (first.offline, first.online):
        assert spent.peak_bytes is not None and spent.peak_bytes > 10_000_000
    assert (second.online, second.offline) == (first.online, first.offline)
    assert (first.offline_reused, second.offline_reused) == (False, True)


def test_results_apart_from_the_cache_are_computed_anew(tmp_path: Path) -> None:
    first = retrieved(Cache(tmp_path))
    executor = Executor(toy_dataset(), Cache(tmp_path), Cache(enabled=False))
    (again,) = executor.run(executor.plan([BARE])).values()
    assert not again.reused and again.offline_reused
    assert again.hits == first.hits and again.offline == first.offline


def test_results_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    first = retrieved(Cache(tmp_path))
    stage = next(p for p in (tmp_path / "stages").iterdir() if p.is_dir())
    facts = json.loads((stage / "stage.json").read_text())
    facts["offline_seconds"] = facts.pop("offline")["seconds"]
    (stage / "stage.json").write_text(json.dumps(facts))
    batch = json.loads((stage / "batch-00000.json").read_text())
    (stage / "batch-00000.json").write_text(
        json.dumps({"seconds": batch["seconds"], "rows": batch["rows"]})
    )
    identity = json.loads((stage / "manifest.json").read_text())["identity"]
    files = {
        file.name: {
            "bytes": file.stat().st_size,
            "mtime_ns": file.stat().st_mtime_ns,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        for file in stage.glob("*.json")
        if file.name != "manifest.json"
    }
    (stage / "manifest.json").write_text(json.dumps({"identity": identity, "files": files}))
    again = retrieved(Cache(tmp_path))
    assert again.hits == first.hits
    assert (again.online, again.offline) == (
        Spent(first.online.seconds),
        Spent(first.offline.seconds),
    )


@pytest.mark.parametrize(("size", "calls"), [(1, 3), (2, 2), (3, 1), (32, 1)])
def test_a_component_says_how_many_questions_come_at_once(
    monkeypatch: pytest.MonkeyPatch, size: int, calls: int
) -> None:
    seen: list[int] = []
    for kind, method in (
        (KeywordsRewriter, "rewrite"),
        (OverlapRetriever, "retrieve"),
        (ReciprocalRankFusion, "fuse"),
        (OverlapRanker, "rank"),
        (FirstWordReader, "read"),
    ):
        original = getattr(kind, method)

        def noting(self, given, *args, original=original):  # type: ignore[no-untyped-def]
            seen.append(len(given))
            return original(self, given, *args)

        monkeypatch.setattr(kind, method, noting)
        monkeypatch.setattr(kind, "questions_per_call", size)
    spec = parse_pipeline(EVERY_ROLE)
    executor = Executor(toy_dataset(), Cache(enabled=False))
    records = executor.run(executor.plan([spec]))
    assert len(seen) == 6 * calls
    assert max(seen) <= size
    assert sum(seen) == 6 * 3
    # Nothing else changes.
    monkeypatch.undo()
    executor = Executor(toy_dataset(), Cache(enabled=False))
    again = executor.run(executor.plan([spec]))
    assert {key: each.rows for key, each in again.items()} == {
        key: each.rows for key, each in records.items()
    }


EVERY_ROLE = """
name: x
rewriter: {type: keywords}
retriever: {fuse: [{type: overlap, k: 3}, {type: overlap, weight: 2.0}]}
ranker: {type: overlap, k: 2, alpha: 1.0}
reader: {type: first_word}
"""


def test_the_answers_reach_no_component(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: set[type] = set()
    for kind, method in (
        (KeywordsRewriter, "rewrite"),
        (OverlapRetriever, "retrieve"),
        (OverlapRanker, "rank"),
        (FirstWordReader, "read"),
    ):
        original = getattr(kind, method)

        def noting(self, given, *args, original=original):  # type: ignore[no-untyped-def]
            seen.update(map(type, given))
            return original(self, given, *args)

        def costing(self, question, hits):  # type: ignore[no-untyped-def]
            seen.add(type(question))
            return Cost()

        monkeypatch.setattr(kind, method, noting)
        monkeypatch.setattr(kind, "cost", costing)
    spec = parse_pipeline(EVERY_ROLE)
    executor = Executor(toy_dataset(), Cache(tmp_path))
    executor.run(executor.plan([spec]))
    measure_latency(spec, toy_dataset(), Cache(tmp_path), 2)
    assert seen == {Query}


def test_a_question_costs_what_all_its_texts_cost() -> None:
    def gflop(slots: str) -> float:
        spec = parse_pipeline(f"{{name: x, {slots}retriever: {{type: overlap}}}}")
        executor = Executor(toy_dataset(), Cache(enabled=False))
        plan = executor.plan([spec])
        found = executor.run(plan)[plan.keys["x"]["overlap"]].gflop
        assert found is not None
        return found

    # One operation per word: 5 + 5 + 3 words in three questions, 4 + 4 + 2 of them keywords.
    assert gflop("") == pytest.approx(13 / 3 / 1e9)
    assert gflop("rewriter: {type: keywords}, ") == pytest.approx(10 / 3 / 1e9)
    both = gflop("rewriter: {type: keywords, keep_question: true}, ")
    assert both == pytest.approx(23 / 3 / 1e9)
