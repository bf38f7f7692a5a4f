"""HyDE and multi-query: the texts that are searched for, and what is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from odqa.cache import Cache
from odqa.comparison.run import run_comparison
from odqa.data.corpus import Corpus
from odqa.meters.meter import Meter
from odqa.rewriters.hyde import HydeConfig, HydeRewriter
from odqa.rewriters.multi_query import MultiQueryConfig, MultiQueryRewriter
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.language_server import Request, language_server
from odqa.testing.toys import PASSAGES, QUESTIONS, toy_dataset
from odqa.types import Query

QUERIES = [Query("a", "which river"), Query("b", "who wrote it")]


def texts(kind: type[Any], config: Any, cache: Path) -> list[list[str]]:
    made = kind(config)
    made.prepare(Corpus.from_passages(PASSAGES, "toy"), Cache(cache))
    return list(made.rewrite(QUERIES))


@pytest.mark.parametrize("keep", [True, False])
def test_hyde_searches_for_a_passage(keep: bool, tmp_path: Path) -> None:
    def write(request: Request) -> str:
        if "which river" in request.prompt:
            return "<think>hm</think> The Seine\nflows  through Paris.\n"
        return " \n- ."

    with language_server(write) as server, Meter() as meter:
        config = HydeConfig(endpoint={"url": server.url, "model": "m"}, keep_question=keep)
        found = texts(HydeRewriter, config, tmp_path)
    passage = "The Seine flows through Paris."
    assert found == [["which river", passage] if keep else [passage], ["who wrote it"]]
    assert meter.spent.usage is not None
    assert meter.spent.usage.counts == {"questions searched for as asked": 1}


def test_multi_query_reads_lists_of_all_kinds(tmp_path: Path) -> None:
    lists = {
        "which river": '1. "Paris river"\n2) which river\n(3) - Seine Paris\n\n4: one too many',
        "who wrote it": "• Who wrote it?\n*** \n1.\nauthor of it\nauthor of it",
    }

    def write(request: Request) -> str:
        assert "Write 3 different" in request.prompt
        return next(text for question, text in lists.items() if question in request.prompt)

    with language_server(write) as server:
        endpoint = {"url": server.url, "model": "m"}
        found = texts(MultiQueryRewriter, MultiQueryConfig(endpoint=endpoint), tmp_path)
        assert found == [
            ["which river", "Paris river", "Seine Paris"],
            ["who wrote it", "Who wrote it?", "author of it"],
        ]
        config = MultiQueryConfig(endpoint=endpoint, keep_question=False)
        assert texts(MultiQueryRewriter, config, tmp_path)[1] == ["Who wrote it?", "author of it"]
        assert len(server.requests) == 2


def test_years_are_no_numbers_of_a_list(tmp_path: Path) -> None:
    with language_server(lambda request: "1998 world cup\n3.5 inch disk") as server:
        endpoint = {"url": server.url, "model": "m"}
        config = MultiQueryConfig(endpoint=endpoint, keep_question=False)
        (first, _) = texts(MultiQueryRewriter, config, tmp_path)
    assert first == ["1998 world cup", "3.5 inch disk"]


def test_a_prompt_needs_the_question() -> None:
    with pytest.raises(ValidationError, match=r"prompt has no \{question\}"):
        HydeConfig(prompt="Write")
    with pytest.raises(ValidationError, match=r"unknown field \{n\}"):
        HydeConfig(prompt="{question} {n}")
    MultiQueryConfig(prompt="{question} {n}")


def test_retrieves_with_what_was_written(toys: None, tmp_path: Path) -> None:
    text = """
    {name: x, rewriter: {type: hyde, endpoint: {url: "URL", model: m}},
     retriever: {type: overlap, k: 2}, reader: {type: first_word}}
    """

    def write(request: Request) -> str:
        return "Rome Tiber city" if "Hamlet" in request.prompt else "Seine Paris"

    with language_server(write) as server:
        spec = parse_pipeline(text.replace("URL", server.url))
        comparison = run_comparison([spec], toy_dataset(), Cache(tmp_path))
    result = comparison.pipelines["x"]
    (rewritten,) = result.texts.values()
    assert rewritten["q3"] == [QUESTIONS[2].text, "Rome Tiber city"]
    assert result.retrieved["q3"][0].passage_id == "p1"
    usage = result.costs[0].online.usage
    assert usage is not None
    assert usage.requests == 3
