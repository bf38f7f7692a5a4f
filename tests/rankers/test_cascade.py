from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import ComponentError
from odqa.rankers.cascade import CascadeConfig, CascadeRanker
from odqa.rankers.colbert import ColbertConfig, ColbertRanker
from odqa.rankers.cross_encoder import CrossEncoderConfig, CrossEncoderRanker
from odqa.testing.conformance import check_ranker
from odqa.testing.tiny_checkpoints import tiny_bert, tiny_colbert
from odqa.testing.toys import QUESTIONS, toy_dataset
from odqa.testing.word_overlap import OverlapRanker
from odqa.types import Hit, Question

CORPUS: Corpus = toy_dataset().corpus
HITS = [Hit(f"p{n}", 4.0 - n) for n in range(1, 5)]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """ColBERT, then a cross-encoder that adds half of ColBERT's score."""
    root = tmp_path_factory.mktemp("models")
    cross = tiny_bert(root / "cross", "BertForSequenceClassification", num_labels=1)
    late = tiny_colbert(root / "late")
    return [
        {"type": "colbert", "checkpoint": str(late), "k": 3},
        {"type": "cross_encoder", "checkpoint": str(cross), "alpha": 0.5},
    ]


def made(stages: list[dict[str, Any]], tmp_path: Path, **keys: Any) -> CascadeRanker:
    ranker = CascadeRanker(CascadeConfig(stages=tuple(stages), **keys))
    ranker.prepare(CORPUS, Cache(tmp_path))
    return ranker


def test_each_ranker_gets_what_the_one_before_left(
    stages: list[dict[str, Any]], tmp_path: Path
) -> None:
    late = ColbertRanker(ColbertConfig(checkpoint=stages[0]["checkpoint"]))
    cross = CrossEncoderRanker(CrossEncoderConfig(checkpoint=stages[1]["checkpoint"], alpha=0.5))
    for ranker in (late, cross):
        ranker.prepare(CORPUS, Cache(tmp_path))
    asked, hits = QUESTIONS[:2], [HITS, HITS[:2]]
    expected = cross.rank(asked, late.rank(asked, hits, 3), 2)
    found = made(stages, tmp_path).rank(asked, hits, 2)
    assert found == expected
    assert [len(each) for each in found] == [2, 2]
    # Three of four were left to the second ranker.
    assert len(made(stages, tmp_path).rank(asked[:1], [HITS], 4)[0]) == 3


@pytest.mark.usefixtures("toys")
def test_by_hand(tmp_path: Path) -> None:
    # Shared words per word of the passage: p3 4/6 of "Seine Seine water flows through Paris" has
    # 3 of 6, p2 2 of 8, p1 1 of 9, p4 0; a factor of 2 in the second ranker.
    ranker = made([{"type": "overlap", "k": 3}, {"type": "overlap", "weight": 2.0}], tmp_path)
    ((first, second, third),) = ranker.rank(QUESTIONS[:1], [HITS], 100)
    assert first == Hit("p3", 1.0)
    assert second.passage_id == "p2"
    assert second.score == pytest.approx(2 * 2 / 8)
    assert third == Hit("p1", pytest.approx(2 * 1 / 9))


def test_it_conforms(stages: list[dict[str, Any]], tmp_path: Path) -> None:
    stages = [{**stages[0], "k": 100}, stages[1]]
    check_ranker(made(stages, tmp_path), QUESTIONS[:2], [HITS, HITS])


def test_it_names_what_both_rankers_load_keep_cost_and_are(
    stages: list[dict[str, Any]], tmp_path: Path
) -> None:
    ranker = made(stages, tmp_path)
    cache = Cache(tmp_path)
    assert set(ranker.sources(cache)) == {stage["checkpoint"] for stage in stages}
    assert [item.name for item in ranker.stored()] == ["passage token vectors"]
    assert ranker.describe()["1 colbert: device"] == ranker.describe()["2 cross_encoder: device"]
    late = ColbertRanker(ColbertConfig(checkpoint=stages[0]["checkpoint"]))
    cross = CrossEncoderRanker(CrossEncoderConfig(checkpoint=stages[1]["checkpoint"]))
    for each in (late, cross):
        each.prepare(CORPUS, cache)
    whole = ranker.cost(QUESTIONS[0], HITS)
    first, second = late.cost(QUESTIONS[0], HITS), cross.cost(QUESTIONS[0], HITS[:3])
    assert first.gflop is not None and second.gflop is not None
    assert whole.gflop == pytest.approx(first.gflop + second.gflop)
    assert whole.parameters == first.parameters + second.parameters
    ranker.close()


def test_where_a_ranker_runs_is_no_part_of_what_it_is(stages: list[dict[str, Any]]) -> None:
    plain = CascadeConfig(stages=tuple(stages))
    small = CascadeConfig(stages=(stages[0], {**stages[1], "batch_size": 2}))
    other = CascadeConfig(stages=(stages[0], {**stages[1], "alpha": 0.25}))
    assert small.identity() == plain.identity() != other.identity()
    assert small.running() == {"1": {"batch_size": 2}}
    assert plain.running() == {}


@pytest.mark.usefixtures("toys")
def test_the_ranker_that_breaks_the_contract_is_named(
    stages: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def invents(
        self: OverlapRanker, questions: list[Question], hits: list[list[Hit]], k: int
    ) -> list[list[Hit]]:
        return [[Hit("p9", 1.0)] for _ in questions]

    monkeypatch.setattr(OverlapRanker, "rank", invents)
    ranker = made([{"type": "overlap"}, stages[1]], tmp_path)
    with pytest.raises(ComponentError, match=r"'overlap' broke its contract.*it was not given"):
        ranker.rank(QUESTIONS[:1], [HITS], 3)


def test_from_python_a_wrong_ranker_is_told_too() -> None:
    with pytest.raises(ValidationError, match="unknown ranker type 'colbret'"):
        CascadeConfig(stages=({"type": "colbret"}, {"type": "retro"}))
    with pytest.raises(ValidationError, match="unknown key 'kk'"):
        CascadeConfig(stages=({"type": "colbert", "kk": 2}, {"type": "retro"}))
