"""monoT5 against what transformers' own model says first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import CheckpointError
from odqa.rankers.monot5 import MonoT5Config, MonoT5Ranker
from odqa.testing.tiny_generators import tiny_generator
from odqa.types import Hit, Passage, Query

QUESTION = Query("q0", "who built the tower bridge")
PASSAGES = [
    Passage("a", "A king built the tower in the north, 1894", "Tower Bridge"),
    Passage("b", "The river flows through the city by the old bridge and south of it", "River"),
    Passage("c", "A poem"),
    Passage("d", "A poem"),
]
HITS = [Hit(p.id, float(-n)) for n, p in enumerate(PASSAGES)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_generator(tmp_path_factory.mktemp("t5"), "t5", spread=1.0)


def ranker(checkpoint: Path, tmp_path: Path, **settings: Any) -> MonoT5Ranker:
    config = {"checkpoint": str(checkpoint), "true_token": "t", "false_token": "f", **settings}
    monot5 = MonoT5Ranker(MonoT5Config.model_validate(config))
    monot5.prepare(Corpus.from_passages(PASSAGES), Cache(tmp_path / "cache"))
    return monot5


@pytest.mark.parametrize(("batch_size", "most"), [(1, 512), (16, 512), (3, 24)])
def test_scores_are_what_it_says_first(
    checkpoint: Path, tmp_path: Path, batch_size: int, most: int
) -> None:
    model = AutoModelForSeq2SeqLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    vocabulary = tokenizer.get_vocab()
    (hits,) = ranker(checkpoint, tmp_path, batch_size=batch_size, max_length=most).rank(
        [QUESTION], [HITS], 4
    )
    scores = {hit.passage_id: hit.score for hit in hits}
    assert sorted(scores) == ["a", "b", "c", "d"]
    for passage in PASSAGES:
        text = f"Query: {QUESTION.text} Document: {passage.full_text} Relevant:"
        ids = tokenizer(text, return_tensors="pt", truncation=True, max_length=most)["input_ids"]
        with torch.no_grad():
            out = model.generate(
                ids,
                max_new_tokens=1,
                do_sample=False,
                output_logits=True,
                return_dict_in_generate=True,
            )
        logits = out.logits[0][0, [vocabulary["f"], vocabulary["t"]]]
        expected = float(logits.log_softmax(0)[1])
        assert scores[passage.id] == pytest.approx(expected, abs=1e-5)
    assert scores["c"] == scores["d"]


def test_other_words_for_true_and_false(checkpoint: Path, tmp_path: Path) -> None:
    (first,) = ranker(checkpoint, tmp_path).rank([QUESTION], [HITS[:3]], 3)
    (swapped,) = ranker(checkpoint, tmp_path, true_token="f", false_token="t").rank(
        [QUESTION], [HITS[:3]], 3
    )
    assert [hit.passage_id for hit in first] == [hit.passage_id for hit in swapped][::-1]


def test_a_vocabulary_without_them_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no token '▁true'; set true_token"):
        ranker(checkpoint, tmp_path, true_token="▁true")


def test_cost_by_hand(checkpoint: Path, tmp_path: Path) -> None:
    monot5, d, i, f = ranker(checkpoint, tmp_path), 32, 32, 64
    total = 0.0
    for row in monot5._rows([(QUESTION.text, p.full_text) for p in PASSAGES]):
        n = len(row)
        total += 2 * (n * (8 * d * i + 4 * d * f) + 4 * i * n * n) + 2 * 4 * n * d * i
        total += 2 * (12 * d * i + 4 * d * f + 4 * i * (1 + n))
        total += 2 * d * monot5._model.model.config.vocab_size
    assert monot5.cost(QUESTION, HITS).gflop == pytest.approx(total / 1e9)


def test_the_embedded_model_tells_the_passage_that_answers(tmp_path: Path) -> None:
    """By default, with the words of its own vocabulary."""
    passages = [
        Passage("a", "The harvest of olives begins in October in most of the country."),
        Passage("b", "Its tallest tower, the Vellmar, was opened by the mayor in 1931.", "Vellmar"),
        Passage("c", "He played the violin in two orchestras before he turned to painting."),
    ]
    monot5 = MonoT5Ranker(MonoT5Config())
    monot5.prepare(Corpus.from_passages(passages), Cache(tmp_path / "cache"))
    assert monot5.describe()["answers"] == "true, false"
    hits = [Hit(p.id, 0.0) for p in passages]
    questions = [
        Query("0", "when does the harvest of olives begin"),
        Query("1", "who opened the tower vellmar"),
        Query("2", "who played the violin in two orchestras"),
    ]
    ranked = monot5.rank(questions, [hits] * 3, 3)
    assert [best[0].passage_id for best in ranked] == ["a", "b", "c"]
    for best, second, _ in ranked:
        assert best.score > -0.7 > second.score
