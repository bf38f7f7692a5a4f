"""Asking rankers what they saw: how much, how often, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from odqa import registry
from odqa.cache import Cache
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.errors import ComponentError
from odqa.execution import explain
from odqa.explanation import Explanation, Match, Piece
from odqa.spec.pipeline import PipelineSpec, parse_pipeline
from odqa.testing.toys import toy_dataset
from odqa.testing.word_overlap import OverlapRanker, OverlapRetriever
from odqa.types import Hit, Question


class Loads:
    """Counts; an object, for plain values that a component's code uses are part of its key."""

    n = 0


LOADS = Loads()


class PointingRanker(OverlapRanker):
    """Looks at the first word of a passage."""

    def prepare(self, corpus, cache):  # type: ignore[no-untyped-def]
        LOADS.n += 1
        super().prepare(corpus, cache)

    def explain(
        self, questions: Sequence[Question], hits: Sequence[Sequence[Hit]]
    ) -> list[list[Explanation]]:
        return [
            [self.point(q, hit) for hit in ranking]
            for q, ranking in zip(questions, hits, strict=True)
        ]

    def point(self, question: Question, hit: Hit) -> Explanation:
        end = self.corpus.get(hit.passage_id).full_text.index(" ")
        match = Match(question.text.split()[0], 0, 1 / 3)
        return Explanation(hit.passage_id, "alignment", (Piece(0, end, 1 / 3),), (match,))


@pytest.fixture
def spec() -> Iterator[PipelineSpec]:
    registry.register("retriever", "overlap", OverlapRetriever)
    registry.register("ranker", "pointing", PointingRanker)
    LOADS.n = 0
    yield parse_pipeline(
        "{name: points, retriever: {type: overlap, k: 4}, ranker: {type: pointing, k: 4}}"
    )
    registry.unregister("ranker", "pointing")
    registry.unregister("retriever", "overlap")


def run(spec: PipelineSpec, cache: Path, questions: int = 50) -> Comparison:
    return run_comparison([spec], toy_dataset(), Cache(cache), explain=questions)


def test_the_best_passages_of_the_first_questions_are_explained(
    spec: PipelineSpec, tmp_path: Path
) -> None:
    result = run(spec, tmp_path, 2).result("points")
    assert list(result.explanations) == ["q1", "q2"]
    for key, explanations in result.explanations.items():
        assert [explanation.passage_id for explanation in explanations] == [
            h.passage_id for h in result.ranked[key][:3]
        ]
    # Numbers are those that a file holds: four digits.
    first = result.explanations["q1"][0]
    assert first.matches == (Match("which", 0, 0.3333),)
    assert first.pieces == (Piece(0, len("Seine"), 0.3333),)


def test_a_second_run_reads_them_back_without_the_ranker(
    spec: PipelineSpec, tmp_path: Path
) -> None:
    first = run(spec, tmp_path)
    assert LOADS.n == 2  # to rank, and to explain
    assert run(spec, tmp_path).result("points").explanations == first.result("points").explanations
    assert LOADS.n == 2
    # More of them are made from a ranking that is in the cache.
    run(spec, tmp_path, 1)
    assert LOADS.n == 3


def test_none_are_made_where_none_are_wanted_or_nothing_is_said(
    spec: PipelineSpec, tmp_path: Path, toys: None
) -> None:
    assert run(spec, tmp_path, 0).result("points").explanations == {}
    silent = parse_pipeline(
        "{name: silent, retriever: {type: overlap, k: 4}, ranker: {type: overlap, k: 4}}"
    )
    assert run(silent, tmp_path).result("silent").explanations == {}
    assert OverlapRanker(silent.ranker.config).explain(toy_dataset().questions.questions, []) == [
        [],
        [],
        [],
    ]
    assert LOADS.n == 1


def test_bytes_are_bounded(
    spec: PipelineSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(explain, "MOST_BYTES", 1000)
    assert list(run(spec, tmp_path).result("points").explanations) == ["q1", "q2"]
    assert "explanations end before question q3" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"passage_id": "elsewhere"}, "a passage it was not given"),
        ({"pieces": (Piece(5, 900, 1.0),)}, "text that passage"),
        ({"pieces": (Piece(5, 4, 1.0),)}, "text that passage"),
        ({"matches": (Match("which", 1, 1.0),)}, "a match with no piece"),
        ({"pieces": (Piece(0, 1, float("nan")),)}, "no finite number"),
        ({"share": float("inf")}, "no finite number"),
    ],
)
def test_what_breaks_the_contract_is_one_line(
    spec: PipelineSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, object],
    message: str,
) -> None:
    point = PointingRanker.point
    monkeypatch.setattr(
        PointingRanker, "point", lambda self, q, hit: replace(point(self, q, hit), **change)
    )
    with pytest.raises(ComponentError, match=f"ranker 'pointing' broke its contract.*{message}"):
        run(spec, tmp_path)


def test_too_few_lists_are_refused(
    spec: PipelineSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PointingRanker, "explain", lambda self, questions, hits: [])
    with pytest.raises(ComponentError, match="0 lists for 3 questions"):
        run(spec, tmp_path)
