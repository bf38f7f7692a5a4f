"""The cross-encoder ranker against sentence-transformers' own."""

from __future__ import annotations

import json
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
        scores = home.predict(pairs)
        if labels == 2:
            scores = scores[:, 1] - scores[:, 0]
        expected = dict(zip("abc", scores.tolist(), strict=True))
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


OWN = "sentence_transformers"
OLD = "sbert_ce_default_activation_function"
ACTIVATIONS: list[tuple[int, dict[str, object]]] = [
    (1, {}),
    (1, {OWN: {"activation_fn": "torch.nn.modules.linear.Identity"}}),
    (1, {OWN: {"activation_fn": "torch.nn.modules.activation.Tanh", "version": "5.0.0"}}),
    (1, {OLD: "torch.nn.modules.linear.Identity"}),
    (1, {OLD: None}),
    (1, {OLD: "torch.nn.Tanh", OWN: {"activation_fn": "torch.nn.Sigmoid"}}),
    (2, {}),
    (2, {OWN: {"activation_fn": "torch.nn.Sigmoid"}}),
    (3, {}),
    (3, {OLD: "torch.nn.modules.activation.Sigmoid"}),
]


@pytest.mark.parametrize(("labels", "settings"), ACTIVATIONS)
def test_any_label_and_activation_is_read_as_sentence_transformers_does(
    tmp_path: Path, labels: int, settings: dict[str, object]
) -> None:
    from sentence_transformers import CrossEncoder

    folder = tiny_bert(tmp_path / "model", "BertForSequenceClassification", num_labels=labels)
    set_config(folder, settings)
    pairs = [(QUESTIONS[0].text, passage.full_text) for passage in CORPUS]
    predicted = CrossEncoder(str(folder), max_length=48, device="cpu").predict(pairs)
    predicted = predicted.reshape(len(CORPUS), labels)
    for label in range(labels):
        ranker = prepared(folder, max_length=48, label=label)
        found = {hit.passage_id: hit.score for hit in ranker.rank(QUESTIONS[:1], [HITS], 3)[0]}
        expected = dict(zip("abc", predicted[:, label].tolist(), strict=True))
        assert found == pytest.approx(expected, abs=1e-5)


def test_what_sentence_transformers_saves_is_read_as_it_means_it(tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    bert = tiny_bert(tmp_path / "bert", "BertForSequenceClassification", num_labels=1)
    home = CrossEncoder(str(bert), max_length=48, activation_fn=torch.nn.Tanh(), device="cpu")
    home.save(str(tmp_path / "saved"))
    pairs = [(QUESTIONS[0].text, passage.full_text) for passage in CORPUS]
    expected = CrossEncoder(str(tmp_path / "saved"), device="cpu").predict(pairs).tolist()
    ranked = prepared(tmp_path / "saved", max_length=48).rank(QUESTIONS[:1], [HITS], 3)[0]
    found = {hit.passage_id: hit.score for hit in ranked}
    assert found == pytest.approx(dict(zip("abc", expected, strict=True)), abs=1e-5)


@pytest.mark.parametrize(
    "path", ["os.system", "evil.torch.nn.Tanh", "torch.nn.modules.activation.Softmax", "torch.hub"]
)
def test_an_activation_is_never_imported_by_its_path(tmp_path: Path, path: str) -> None:
    folder = tiny_bert(tmp_path / "model", "BertForSequenceClassification", num_labels=1)
    set_config(folder, {OWN: {"activation_fn": path}})
    with pytest.raises(CheckpointError, match=r"activation_fn is .*, expected one of torch\.nn"):
        prepared(folder)


def test_three_labels_need_a_choice(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "model", "BertForSequenceClassification", num_labels=3)
    with pytest.raises(CheckpointError, match=r"3 labels \(0: LABEL_0, .*set label to the one"):
        prepared(folder)
    with pytest.raises(CheckpointError, match="3 labels, label is 3; set label to 0 to 2"):
        prepared(folder, label=3)


def test_padding_on_the_left_changes_no_score(tmp_path: Path) -> None:
    """BERT's positions would move with the length of the batch."""
    folder = tiny_bert(tmp_path / "model", "BertForSequenceClassification", num_labels=1)
    before = prepared(folder).rank(QUESTIONS, [HITS, HITS], 3)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "padding_side": "left"}))
    assert prepared(folder).rank(QUESTIONS, [HITS, HITS], 3) == before


def set_config(folder: Path, settings: dict[str, object]) -> None:
    """Keys of ``config.json``."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **settings}))


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
        "device": "cpu", "dtype": "float32", "labels": "1", "activation": "Sigmoid",
        "pair tokens (at most)": "48",
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
    assert "3 labels (0: LABEL_0, 1: LABEL_1, 2: LABEL_2), a ranker has 1 or 2" in lines[1]
    assert "takes 64 tokens, max_length is 256" in lines[2]
    assert not any("\n" in line for line in lines)


def test_unprepared_is_one_line() -> None:
    with pytest.raises(ComponentError, match="not prepared"):
        CrossEncoderRanker(CrossEncoderConfig(checkpoint="x")).rank(QUESTIONS, [HITS] * 2, 3)
