"""The pointwise ranker by log-odds and by text, locally against transformers, and by a server."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForCausalLM, AutoTokenizer

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import ComponentError
from odqa.meters.meter import Meter
from odqa.rankers.llm_pointwise import LlmPointwiseConfig, LlmPointwiseRanker
from odqa.testing.language_server import Reply, Request, language_server
from odqa.testing.tiny_language_models import tiny_lm
from odqa.types import Hit, Passage, Query

CORPUS = Corpus.from_passages([Passage(f"p{n}", f"value {n}", "T") for n in range(4)], "n")
QUERY = Query("q", "how much")
HITS = [Hit(f"p{n}", 10.0 - n) for n in range(4)]


def ranker(cache: Path, url: str | None = None, **keys: Any) -> LlmPointwiseRanker:
    if url is not None:
        keys["endpoint"] = {"url": url, "model": "m", "retries": 0}
    made = LlmPointwiseRanker(LlmPointwiseConfig(**keys))
    made.prepare(CORPUS, Cache(cache))
    return made


def test_a_local_model_scores_by_its_next_token(tmp_path: Path) -> None:
    folder = tiny_lm(tmp_path / "lm", "Llama")
    made = ranker(tmp_path / "cache", checkpoint=str(folder), batch_size=3, precision="float32")
    (ranked,) = made.rank([QUERY], [HITS], 4)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    for hit in ranked:
        text = (
            "You judge whether a passage answers a question.\n\n"
            f"Passage: T value {hit.passage_id[1:]}\n\nQuestion: how much\n\n"
            "Does the passage answer the question? Write Yes or No.\nAnswer:"
        )
        ids = tokenizer(text)["input_ids"]
        yes, no = (tokenizer(f"{text} {word}")["input_ids"][len(ids)] for word in ("Yes", "No"))
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, -1]
        assert hit.score == pytest.approx(float(logits[yes] - logits[no]), abs=1e-4)
    assert len({hit.score for hit in ranked}) > 1
    cost = made.cost(QUERY, HITS).gflop
    one = made.cost(QUERY, HITS[:1]).gflop
    assert cost is not None
    assert one is not None
    # Prompts of as many tokens each.
    assert cost == pytest.approx(4 * one)


def test_an_endpoint_scores_by_log_probabilities(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply:
        value = int(request.prompt.split("value ")[1].split()[0])
        return Reply("Yes", top={"Yes": 0.1 + 0.2 * value, "No": 0.2})

    with language_server(answer) as server:
        (ranked,) = ranker(tmp_path, server.url).rank([QUERY], [HITS], 2)
        body = server.requests[0].body
    assert [hit.passage_id for hit in ranked] == ["p3", "p2"]
    assert ranked[0].score == pytest.approx(math.log(0.7 / 0.2))
    assert (body["logprobs"], body["max_tokens"]) == (True, 1)


def test_a_server_without_log_probabilities_is_one_line(tmp_path: Path) -> None:
    with (
        language_server(lambda request: "Yes") as server,
        pytest.raises(ComponentError, match="gives no log-probabilities; set score: text"),
    ):
        ranker(tmp_path, server.url).rank([QUERY], [HITS], 2)


def test_by_text(tmp_path: Path) -> None:
    answers = ["No, it does not", "**Yes**.", "Nobody knows", "<think>No?</think> yes"]

    def answer(request: Request) -> str:
        return answers[int(request.prompt.split("value ")[1].split()[0])]

    with language_server(answer) as server, Meter() as meter:
        (ranked,) = ranker(tmp_path, server.url, score="text").rank([QUERY], [HITS], 4)
    # Ties keep the order in which they came.
    expected = [Hit("p1", 1.0), Hit("p3", 1.0), Hit("p2", 0.5), Hit("p0", 0.0)]
    assert ranked == expected
    assert meter.spent.usage is not None
    assert meter.spent.usage.counts == {"answers neither yes nor no": 1}


def test_equal_words_are_refused() -> None:
    with pytest.raises(ValidationError, match="yes and no are the same word"):
        LlmPointwiseConfig(yes="Yes", no=" yes")
