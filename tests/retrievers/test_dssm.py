from __future__ import annotations

from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.indexes.config import FlatIndex
from odqa.retrievers.dssm import DssmConfig, DssmRetriever
from odqa.testing.conformance import check_retriever
from odqa.testing.tiny_word_models import tiny_dssm
from odqa.types import Passage, Question
from odqa.word_models.dssm import DssmModel

PASSAGES = [
    Passage("1", "the tower of the old king was built in the north", "tower"),
    Passage("2", "a river flows through the city", "river city"),
    Passage("3", "which poem is the last", ""),
    Passage("4", "a river flows through the city", "river city"),
    Passage("5", "!", ""),
]
QUESTIONS = [Question("a", "who built the tower"), Question("b", "rivers"), Question("c", "?")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_dssm(tmp_path / "tiny", [passage.full_text for passage in PASSAGES])


def prepared(folder: Path, cache: Path) -> DssmRetriever:
    retriever = DssmRetriever(DssmConfig(checkpoint=str(folder), batch_size=2))
    retriever.prepare(Corpus.from_passages(PASSAGES), Cache(cache))
    return retriever


def test_conforms(folder: Path, tmp_path: Path) -> None:
    check_retriever(prepared(folder, tmp_path / "cache"), QUESTIONS, len(PASSAGES))


def test_scores_are_gamma_times_the_cosine_and_equal_ones_come_by_id(
    folder: Path, tmp_path: Path
) -> None:
    retriever = prepared(folder, tmp_path / "cache")
    model = retriever._model
    texts = [PASSAGES[1].full_text]
    (hits,) = retriever.retrieve([Question("d", texts[0])], 2)
    assert [hit.passage_id for hit in hits] == ["2", "4"]
    assert [hit.score for hit in hits] == pytest.approx([model.settings.gamma] * 2, abs=1e-5)


def test_cost_by_hand(folder: Path, tmp_path: Path) -> None:
    retriever = prepared(folder, tmp_path / "cache")
    # #th the he#, #to tow owe wer er# are known; five passages of six numbers are searched.
    cost = retriever.cost(Question("d", "the tower"), [])
    layers = 8 * 12 + 12 * 10 + 10 * 6
    assert cost.gflop == pytest.approx(2 * (layers + 5 * 6) / 1e9)
    assert retriever.config.index == FlatIndex()


def test_passage_vectors_are_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = prepared(folder, tmp_path / "cache")

    def never(*_: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(DssmModel, "encode_passages", never)
    after = prepared(folder, tmp_path / "cache")
    assert after.stored() == before.stored()
    assert after.retrieve(QUESTIONS, 5) == before.retrieve(QUESTIONS, 5)
