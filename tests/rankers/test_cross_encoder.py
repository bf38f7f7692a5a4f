"""The cross-encoder ranker against sentence-transformers' own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from odqa.cache import Cache
from odqa.checkpoints.embedded import materialise
from odqa.data.corpus import Corpus
from odqa.errors import CheckpointError, ComponentError
from odqa.rankers.cross_encoder import CrossEncoderConfig, CrossEncoderRanker
from odqa.testing.tiny_checkpoints import tiny_bert
from odqa.types import Hit, Passage, Question

QUESTIONS = [Question("q", "who built the tower bridge"), Question("r", "what is a river")]
CORPUS = [
    Passage("a", "the bridge was built by a king.", "tower"),
    Passage("b", "a poem of the river"),
    Passage("c", "the engine, the engine, the engine: who built it? " * 9),
]
BRIDGES = [
    Passage("bridge", "It crosses the Thames and was opened in 1894.", "Tower Bridge"),
    Passage("eiffel", "It was designed by Maurice Koechlin and Emile Nouguier.", "Eiffel Tower"),
    Passage("visit", "The tower has three levels for visitors, with restaurants.", "Eiffel Tower"),
]
HITS = [Hit("a", 3.0), Hit("b", 2.0), Hit("c", 1.0)]


def prepared(folder: Path, **parameters: object) -> CrossEncoderRanker:
    ranker = CrossEncoderRanker(CrossEncoderConfig(checkpoint=str(folder), **parameters))
    ranker.prepare(Corpus.from_passages(CORPUS), Cache(folder.parent / "cache"))
    return ranker


@pytest.mark.slow
@pytest.mark.parametrize("labels", [1, 2])
def test_scores_equal_sentence_transformers(tmp_path: Path, labels: int) -> None:
    from sentence_transformers import CrossEncoder

    folder = tiny_bert(tmp_path / "model", "BertForSequenceClassification", num_labels=labels)
    ranker = prepared(folder, max_length=48)
    home = CrossEncoder(str(folder), max_length=48)
    for question, ranked in zip(
        QUESTIONS, ranker.rank(QUESTIONS, [HITS, HITS[::-1]], 5), strict=True
    ):
        pairs = [(question.text, passage.full_text) for passage in CORPUS]
        logits = home.predict(pairs, activation_fn=torch.nn.Identity())
        if labels == 2:
            logits = logits[:, 1] - logits[:, 0]
        expected = dict(zip("abc", logits.tolist(), strict=True))
        assert len(ranked) == 3
        for hit in ranked:
            assert hit.score == pytest.approx(expected[hit.passage_id], abs=1e-5)


@pytest.mark.slow
def test_the_shipped_one_ranks_as_sentence_transformers_does(tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    cache = Cache(tmp_path)
    ranker = CrossEncoderRanker(CrossEncoderConfig(max_length=192))
    ranker.prepare(Corpus.from_passages(BRIDGES), cache)
    question = Question("q", "who designed the eiffel tower")
    ranked = ranker.rank([question], [[Hit(passage.id, 0.0) for passage in BRIDGES]], 3)[0]
    assert ranked[0].passage_id == "eiffel"
    home = CrossEncoder(str(materialise("cross-encoder", cache)), max_length=192)
    pairs = [(question.text, passage.full_text) for passage in BRIDGES]
    logits = home.predict(pairs, activation_fn=torch.nn.Identity()).tolist()
    expected = dict(zip([passage.id for passage in BRIDGES], logits, strict=True))
    assert {hit.passage_id: hit.score for hit in ranked} == pytest.approx(expected, abs=1e-4)


def test_cost_by_hand(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "model", "BertForSequenceClassification", num_labels=1)
    ranker = prepared(folder, max_length=48)
    # [CLS] who built the tower bridge [SEP] a poem of the river [SEP]: 13 tokens; "c" fills 48.
    layers = sum(2 * (8 * t * 32 * 32 + 4 * t * t * 32 + 4 * t * 32 * 64) for t in (13, 48))
    cost = ranker.cost(QUESTIONS[0], HITS[1:])
    assert cost.gflop == pytest.approx(layers / 1e9)
    assert cost.parameters == sum(p.numel() for p in ranker._model.model.parameters())
    assert ranker.cost(QUESTIONS[0], []).gflop == 0
    assert ranker.describe() == {
        "device": "cpu", "dtype": "float32", "labels": "1", "pair tokens (at most)": "48"
    }  # fmt: skip


def test_place_on_the_map() -> None:
    assert CrossEncoderRanker.representation == "all-to-all dynamic"
    assert CrossEncoderRanker.interaction == "all-to-all"
    assert CrossEncoderRanker.precomputes == ()


def test_wrong_checkpoints_are_one_line(tmp_path: Path) -> None:
    plain = tiny_bert(tmp_path / "bert")
    three = tiny_bert(tmp_path / "three", "BertForSequenceClassification", num_labels=3)
    short = tiny_bert(
        tmp_path / "right", "BertForSequenceClassification", max_position_embeddings=64
    )
    lines = []
    for folder in (plain, three, short):
        with pytest.raises(CheckpointError) as caught:
            prepared(folder)
        lines.append(str(caught.value))
    assert "weight(s) that AutoModelForSequenceClassification needs are not in it" in lines[0]
    assert "3 labels, a ranker has 1 or 2" in lines[1]
    assert "takes 64 tokens, max_length is 256" in lines[2]
    assert not any("\n" in line for line in lines)


def test_unprepared_is_one_line() -> None:
    with pytest.raises(ComponentError, match="not prepared"):
        CrossEncoderRanker(CrossEncoderConfig(checkpoint="x")).rank(QUESTIONS, [HITS] * 2, 3)
