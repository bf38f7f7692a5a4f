"""UPR against transformers' own loss, for causal and encoder-decoder models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.encoders.causal import CausalScorer
from odqa.errors import CheckpointError
from odqa.rankers.upr import UprConfig, UprRanker
from odqa.testing.tiny_generators import tiny_generator
from odqa.types import Hit, Passage, Query

QUESTIONS = [Query("q0", "who built the tower bridge"), Query("q1", "which river flows?")]
PASSAGES = [
    Passage("a", "A king built the tower in the north, 1894", "Tower Bridge"),
    Passage("b", "The river flows through the city by the old bridge and south of it", "River"),
    Passage("c", "A poem"),
    Passage("d", "The river flows through the city by the old bridge and south of it", "River"),
]
HITS = [[Hit(p.id, float(-n)) for n, p in enumerate(PASSAGES)]] * 2


@pytest.fixture(scope="module", params=["gpt2", "llama", "t5", "bart"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    spread = 1.0 if request.param == "t5" else 0.3
    return tiny_generator(tmp_path_factory.mktemp(request.param), request.param, spread=spread)


def ranker(checkpoint: Path | str, tmp_path: Path, **settings: Any) -> UprRanker:
    config = {"checkpoint": str(checkpoint), "max_length": 90, "question_tokens": 40, **settings}
    upr = UprRanker(UprConfig.model_validate(config))
    upr.prepare(Corpus.from_passages(PASSAGES), Cache(tmp_path / "cache"))
    return upr


def loss(checkpoint: Path, prompt: str, question: str, most: int = 90) -> float:
    """The model's own mean loss of the question's tokens, its end included."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    given = tokenizer(prompt, truncation=True, max_length=most)["input_ids"]
    if tokenizer("a")["input_ids"][-1] == tokenizer.eos_token_id:
        model = AutoModelForSeq2SeqLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
        labels = tokenizer(question, truncation=True, max_length=40)["input_ids"]
        with torch.no_grad():
            out = model(input_ids=torch.tensor([given]), labels=torch.tensor([labels]))
        return float(out.loss)
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    asked = [*tokenizer(question)["input_ids"][:39], tokenizer.eos_token_id]
    labels = [-100] * len(given) + asked
    with torch.no_grad():
        out = model(input_ids=torch.tensor([given + asked]), labels=torch.tensor([labels]))
    return float(out.loss)


def test_scores_are_the_models_own_losses(checkpoint: Path, tmp_path: Path) -> None:
    ranked = ranker(checkpoint, tmp_path).rank(QUESTIONS, HITS, 4)
    for question, hits in zip(QUESTIONS, ranked, strict=True):
        scores = {hit.passage_id: hit.score for hit in hits}
        for passage in PASSAGES:
            prompt = f"Passage: {passage.full_text}. Please write a question based on this passage."
            expected = -loss(checkpoint, prompt, question.text)
            assert scores[passage.id] == pytest.approx(expected, abs=1e-5, rel=1e-5)
        assert scores["b"] == scores["d"]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_batches_do_not_matter(checkpoint: Path, tmp_path: Path, batch_size: int) -> None:
    (first,) = ranker(checkpoint, tmp_path, batch_size=batch_size).rank(QUESTIONS[:1], HITS[:1], 4)
    both = ranker(checkpoint, tmp_path, batch_size=16).rank(QUESTIONS, HITS, 4)
    assert [hit.passage_id for hit in first] == [hit.passage_id for hit in both[0]]
    for one, other in zip(first, both[0], strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-5)


def test_long_texts_are_cut_at_their_end(checkpoint: Path, tmp_path: Path) -> None:
    long = "who built the bridge " * 30
    upr = ranker(checkpoint, tmp_path, max_length=20)
    (hits,) = upr.rank([Query("q", long)], [HITS[0][:1]], 1)
    prompt = f"Passage: {PASSAGES[0].full_text}. Please write a question based on this passage."
    assert hits[0].score == pytest.approx(-loss(checkpoint, prompt, long, 20), abs=1e-5)


def test_a_prompt_of_ones_own(checkpoint: Path, tmp_path: Path) -> None:
    upr = ranker(checkpoint, tmp_path, prompt="{passage} so:")
    (hits,) = upr.rank(QUESTIONS[:1], [HITS[0][2:3]], 1)
    assert hits[0].score == pytest.approx(
        -loss(checkpoint, "A poem so:", QUESTIONS[0].text), abs=1e-5
    )


@pytest.mark.parametrize("prompt", ["no place", "{passage} {passage}"])
def test_a_prompt_without_its_passage_is_refused(prompt: str) -> None:
    with pytest.raises(ValidationError, match=r"must have \{passage\} in it, once"):
        UprConfig(prompt=prompt)


def test_cost_by_hand(tmp_path: Path) -> None:
    folder = tiny_generator(tmp_path / "gpt2", "gpt2")
    upr = ranker(folder, tmp_path)
    assert isinstance(upr._model, CausalScorer)
    (target,), total = upr._questions([QUESTIONS[0].text]), 0.0
    for prompt in upr._prompts([p.full_text for p in PASSAGES[:2]]):
        n = len(prompt) + len(target)
        total += 2 * (n * (8 * 32 * 32 + 4 * 32 * 128) + 4 * 32 * n * (n + 1) / 2)
        total += 2 * len(target) * 32 * upr._model.model.config.vocab_size
    assert upr.cost(QUESTIONS[0], HITS[0][:2]).gflop == pytest.approx(total / 1e9)
    folder = tiny_generator(tmp_path / "t5", "t5")
    assert (ranker(folder, tmp_path).cost(QUESTIONS[0], HITS[0]).gflop or 0) > 0


def test_texts_longer_than_it_takes_are_refused(tmp_path: Path) -> None:
    folder = tiny_generator(tmp_path / "gpt2", "gpt2")
    with pytest.raises(CheckpointError, match="takes 256 tokens, max_length and question_tokens"):
        ranker(folder, tmp_path, max_length=250)
    folder = tiny_generator(tmp_path / "bart", "bart")
    with pytest.raises(CheckpointError, match="takes 256 tokens, question_tokens is 300"):
        ranker(folder, tmp_path, question_tokens=300)


def test_the_embedded_model_knows_whose_question_it_is(tmp_path: Path) -> None:
    passages = [
        Passage("a", "The harvest of olives begins in October in most of the country."),
        Passage("b", "Its tallest tower, the Vellmar, was opened by the mayor in 1931.", "Vellmar"),
        Passage("c", "He played the violin in two orchestras before he turned to painting."),
    ]
    upr = UprRanker(UprConfig())
    upr.prepare(Corpus.from_passages(passages), Cache(tmp_path / "cache"))
    hits = [Hit(p.id, 0.0) for p in passages]
    questions = [
        Query("0", "when does the harvest of olives begin"),
        Query("1", "who opened the tower vellmar"),
        Query("2", "who played the violin in two orchestras"),
    ]
    ranked = upr.rank(questions, [hits] * 3, 1)
    assert [best[0].passage_id for best in ranked] == ["a", "b", "c"]
