"""The listwise ranker against a server that orders passages rightly, and one that errs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.meters.meter import Meter
from odqa.rankers.llm_listwise import LlmListwiseConfig, LlmListwiseRanker
from odqa.testing.conformance import check_ranker
from odqa.testing.language_server import Request, language_server
from odqa.testing.tiny_language_models import tiny_lm
from odqa.types import Hit, Passage, Query

#: Passage ``p7`` has the text "value 7", and so on; the best has the highest value.
CORPUS = Corpus.from_passages([Passage(f"p{n}", f"value {n} of it", "T") for n in range(30)], "n")
QUERIES = [Query("q1", "most"), Query("q2", "much")]
HITS = [[Hit(f"p{n}", 100.0 - n) for n in range(size)] for size in (25, 7)]


def ranker(cache: Path, url: str, **keys: Any) -> LlmListwiseRanker:
    made = LlmListwiseRanker(LlmListwiseConfig(endpoint={"url": url, "model": "m"}, **keys))
    made.prepare(CORPUS, Cache(cache))
    return made


def by_value(request: Request) -> str:
    """The right order of the passages that a prompt shows."""
    shown = re.findall(r"\[(\d+)\] T value (\d+)", request.prompt)
    return " > ".join(f"[{number}]" for number, _ in sorted(shown, key=lambda s: -int(s[1])))


def test_a_window_carries_the_best_up(tmp_path: Path) -> None:
    with language_server(by_value) as server, Meter() as meter:
        made = ranker(tmp_path, server.url, window=6, step=3)
        first, second = made.rank(QUERIES, HITS, 4)
        prompts = [request.prompt for request in server.requests]
    assert [hit.passage_id for hit in first] == ["p24", "p23", "p22", "p3"]
    assert [hit.score for hit in first] == [1.0, 1 / 2, 1 / 3, 1 / 4]
    assert [hit.passage_id for hit in second][:3] == ["p6", "p5", "p4"]
    # 19, 16, … 1, 0 of 25 passages, and 1, 0 of 7.
    assert len(prompts) == 8 + 2
    assert "[1] T value 19 of it\n" in "".join(prompts)
    assert "Here are 6 passages" in prompts[0]
    assert meter.spent.usage is not None
    assert meter.spent.usage.counts == {
        "windows": 10,
        "orders not found": 0,
        "orders repaired": 0,
        "passages left out": 0,
        "passages repeated": 0,
        "numbers of no passage": 0,
    }


def test_what_is_repaired_is_counted(tmp_path: Path) -> None:
    def wrong(request: Request) -> str:
        return "[3] > [3] > [9]" if "query: most" in request.prompt else "Sorry."

    hits = [hits[:4] for hits in HITS]
    with language_server(wrong) as server, Meter() as meter:
        first, second = ranker(tmp_path, server.url).rank(QUERIES, hits, 4)
    assert [hit.passage_id for hit in first] == ["p2", "p0", "p1", "p3"]
    assert second[0].passage_id == "p0"
    assert meter.spent.usage is not None
    assert meter.spent.usage.counts == {
        "windows": 2,
        "orders not found": 1,
        "orders repaired": 2,
        "passages left out": 3 + 4,
        "passages repeated": 1,
        "numbers of no passage": 1,
    }


def test_conforms_with_an_endpoint(tmp_path: Path) -> None:
    with language_server(by_value) as server:
        made = ranker(tmp_path, server.url, window=4, step=2)
        check_ranker(made, QUERIES, [hits[:6] for hits in HITS])
        assert made.rank(QUERIES[:1], [HITS[0][:1]], 3) == [[Hit("p0", 1.0)]]


def test_passages_are_cut_to_their_first_words(tmp_path: Path) -> None:
    with language_server(by_value) as server:
        ranker(tmp_path, server.url, passage_words=2).rank(QUERIES[:1], [HITS[0][:2]], 2)
        assert "[2] T value\n" in server.requests[0].prompt


def test_cost_is_that_of_its_windows(tmp_path: Path) -> None:
    folder = tiny_lm(tmp_path / "lm", context=4096)
    config = LlmListwiseConfig(checkpoint=str(folder), window=4, step=2, max_answer_tokens=5)
    made = LlmListwiseRanker(config)
    made.prepare(CORPUS, Cache(tmp_path / "cache"))
    hits = HITS[0][:6]
    texts = [f"T value {n} of it" for n in range(6)]
    prompts = [made._prompt(QUERIES[0], texts, range(6), w) for w in (range(2, 6), range(4))]
    parts = [made._model.cost([prompt], 5).gflop or 0.0 for prompt in prompts]
    assert made.cost(QUERIES[0], hits).gflop == pytest.approx(sum(parts))


def test_a_step_beyond_the_window_is_refused() -> None:
    with pytest.raises(ValidationError, match="step 5 leaves passages out of windows of 4"):
        LlmListwiseConfig(window=4, step=5)
    with pytest.raises(ValidationError, match=r"passage has no \{number\}"):
        LlmListwiseConfig(passage="{passage}")
