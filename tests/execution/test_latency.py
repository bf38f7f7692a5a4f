from __future__ import annotations

from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.execution import latency as latency_module
from odqa.execution.executor import Executor
from odqa.execution.latency import Latency, cached_latency, measure_latency, percentile
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import toy_components, toy_dataset
from odqa.testing.word_overlap import OverlapRetriever

pytestmark = pytest.mark.usefixtures("toys")

with toy_components():
    SPEC = parse_pipeline("{name: x, retriever: {type: overlap}, reader: {type: first_word}}")


@pytest.mark.parametrize(
    ("n", "measured", "run_ids"),
    [
        (1, ["q1"], ["q2", "q3", "q1"]),
        (2, ["q1", "q2"], ["q3", "q1", "q2"]),
        (9, ["q1", "q2", "q3"], ["q1", "q2", "q3", "q1", "q2", "q3"]),
    ],
)
def test_warm_up_is_asked_first_and_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int, measured: list[str], run_ids: list[str]
) -> None:
    cache = Cache(tmp_path)
    executor = Executor(toy_dataset(), cache)
    executor.run(executor.plan([SPEC]))  # results in the cache are not used
    calls: list[list[str]] = []
    retrieve = OverlapRetriever.retrieve

    def noting(self, questions, k):  # type: ignore[no-untyped-def]
        calls.append([question.id for question in questions])
        return retrieve(self, questions, k)

    monkeypatch.setattr(OverlapRetriever, "retrieve", noting)
    latency = measure_latency(SPEC, toy_dataset(), cache, n)
    assert list(latency.questions) == measured
    assert calls == [[question] for question in run_ids]
    assert set(latency.seconds) == {"overlap", "first_word"}
    assert len(latency.total()) == len(measured)


def test_it_is_kept_with_the_results_it_belongs_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    first = cached_latency(SPEC, toy_dataset(), cache, 2, keys={"overlap": "a", "first_word": "b"})
    monkeypatch.setattr(OverlapRetriever, "retrieve", None)
    same = cached_latency(SPEC, toy_dataset(), cache, 2, keys={"overlap": "a", "first_word": "b"})
    assert same == first
    with pytest.raises(TypeError):
        cached_latency(SPEC, toy_dataset(), cache, 2, keys={"overlap": "a", "first_word": "c"})


def test_fewer_questions_are_asked_where_each_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency_module, "SECONDS", 0.0)
    monkeypatch.setattr(latency_module, "FEWEST", 2)
    latency = measure_latency(SPEC, toy_dataset(), Cache(tmp_path), 3)
    assert latency.questions == ("q1", "q2")
    assert {len(seconds) for seconds in latency.seconds.values()} == {2}


def test_the_total_sums_stages() -> None:
    latency = Latency(("a", "b"), {"retriever": (1.0, 2.0), "reader": (0.5, 0.25)})
    assert latency.total() == (1.5, 2.25)


def test_percentiles_are_measured_values() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, q) for q in (0, 20, 50, 95, 100)] == [1.0, 1.0, 3.0, 5.0, 5.0]
    assert percentile([7.0], 50) == 7.0
