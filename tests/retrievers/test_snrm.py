from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.retrievers import snrm as module
from odqa.retrievers.snrm import SnrmConfig, SnrmRetriever
from odqa.testing.conformance import check_retriever
from odqa.testing.tiny_word_models import tiny_snrm
from odqa.types import Passage, Question
from odqa.word_models.snrm import SnrmModel

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
    return tiny_snrm(tmp_path / "tiny")


def prepared(folder: Path, cache: Path) -> SnrmRetriever:
    retriever = SnrmRetriever(SnrmConfig(checkpoint=str(folder), batch_size=2))
    retriever.prepare(Corpus.from_passages(PASSAGES), Cache(cache))
    return retriever


def vectors(model: SnrmModel, texts: list[str]) -> np.ndarray:
    shard = model.encode(texts, texts, "passage")
    out = np.zeros((len(texts), 20))
    out[np.repeat(np.arange(len(texts)), shard.counts), shard.vectors[:, 0].astype(int)] = (
        shard.vectors[:, 1]
    )
    return out


def test_conforms(folder: Path, tmp_path: Path) -> None:
    check_retriever(prepared(folder, tmp_path / "cache"), QUESTIONS, len(PASSAGES))


def test_scores_are_inner_products_of_latent_terms(folder: Path, tmp_path: Path) -> None:
    retriever = prepared(folder, tmp_path / "cache")
    passages = vectors(retriever._model, [p.full_text for p in PASSAGES])
    asked = vectors(retriever._model, [q.text for q in QUESTIONS])
    for scores, hits in zip(asked @ passages.T, retriever.retrieve(QUESTIONS, 5), strict=True):
        order = sorted((i for i in range(5) if scores[i]), key=lambda i: (-scores[i], i))
        assert [hit.passage_id for hit in hits] == [PASSAGES[i].id for i in order]
        assert [hit.score for hit in hits] == pytest.approx(scores[order], abs=1e-5)
    assert retriever.retrieve([], 5) == []


def test_says_its_density(folder: Path, tmp_path: Path) -> None:
    retriever = prepared(folder, tmp_path / "cache")
    passages = vectors(retriever._model, [p.full_text for p in PASSAGES])
    assert retriever.describe()["passage density"] == f"{(passages > 0).mean():.4f}"
    assert "question density" not in retriever.describe()
    retriever.retrieve(QUESTIONS[:1], 5)
    retriever.retrieve(QUESTIONS[1:], 5)
    asked = vectors(retriever._model, [q.text for q in QUESTIONS])
    assert retriever.describe()["question density"] == f"{(asked > 0).mean():.4f}"


def test_cost_by_hand(folder: Path, tmp_path: Path) -> None:
    retriever = prepared(folder, tmp_path / "cache")
    passages = vectors(retriever._model, [p.full_text for p in PASSAGES])
    (asked,) = vectors(retriever._model, ["who built"])
    # Two words through 3 · 8 × 6 and 6 × 20; a multiply-add for each passage of each of the terms.
    postings = int((passages[:, asked > 0] > 0).sum())
    cost = retriever.cost(Question("d", "who built"), [])
    assert cost.gflop == pytest.approx(2 * (2 * (24 * 6 + 6 * 20) + postings) / 1e9)


def test_a_build_that_was_killed_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHARD", 2)
    whole = prepared(folder, tmp_path / "whole")
    encode, calls = SnrmModel.encode, list[list[str]]()

    def dies(self: SnrmModel, texts: list[str], ids: list[str], kind: str) -> object:
        calls.append(list(ids))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return encode(self, texts, ids, kind)

    monkeypatch.setattr(SnrmModel, "encode", dies)
    with pytest.raises(KeyboardInterrupt):
        prepared(folder, tmp_path / "cache")
    resumed = prepared(folder, tmp_path / "cache")
    assert calls == [["1", "2"], ["3", "4"], ["3", "4"], ["5"]]
    assert resumed.retrieve(QUESTIONS, 5) == whole.retrieve(QUESTIONS, 5)
