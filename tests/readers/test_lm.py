"""The language model reader: its prompt, its answers, what is counted, and its place in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from odqa.cache import Cache
from odqa.comparison.run import run_comparison
from odqa.data.corpus import Corpus
from odqa.generation import Prompt
from odqa.meters.meter import Meter
from odqa.readers.lm import LmReader, LmReaderConfig
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.language_server import Reply, Request, language_server
from odqa.testing.tiny_language_models import tiny_lm
from odqa.testing.toys import PASSAGES, QUESTIONS, toy_dataset
from odqa.types import Answer, Hit

QUERIES = [question.query for question in QUESTIONS]
HITS = [[Hit("p3", 3.0), Hit("p2", 2.0), Hit("p1", 1.0)]] * 3


def reader(cache: Path, url: str | None = None, **keys: Any) -> LmReader:
    if url is not None:
        keys["endpoint"] = {"url": url, "model": "m", "retries": 0}
    made = LmReader(LmReaderConfig(**keys))
    made.prepare(Corpus.from_passages(PASSAGES, "toy"), Cache(cache))
    return made


def test_the_prompt_has_the_best_passages(tmp_path: Path) -> None:
    with language_server(lambda request: "seine") as server:
        (answer,) = reader(tmp_path, server.url, passages=2).read(QUERIES[:1], HITS[:1])
        system, user = server.requests[0].body["messages"]
    assert system["content"].startswith("Answer the question in as few words")
    assert user["content"] == (
        "[1] Seine Seine water flows through Paris\n\n"
        "[2] Thames Thames water flows through London and on\n\n"
        "Question: which river flows through Paris\nAnswer:"
    )
    # Spelled as in the passage that it stands in.
    assert answer == Answer("Seine", 0.0, "p3", 0, 5)


def test_a_prompt_of_ones_own(tmp_path: Path) -> None:
    keys = {
        "passages": 1,
        "instruction": "",
        "prompt": "{question} | {passages}",
        "passage": "{title}/{text}",
    }
    with language_server(lambda request: "x") as server:
        reader(tmp_path, server.url, **keys).read(QUERIES[:1], HITS[:1])
        (message,) = server.requests[0].body["messages"]
    expected = "which river flows through Paris | Seine/Seine water flows through Paris"
    assert message["content"] == expected


def test_a_closed_book_reads_nothing(tmp_path: Path) -> None:
    with language_server(lambda request: "Seine") as server:
        closed = reader(tmp_path, server.url, passages=0)
        assert not closed.config.reads_passages
        assert closed.read(QUERIES[:1], [[]]) == [Answer("Seine", 0.0)]
        assert closed.read(QUERIES[:1], HITS[:1]) == [Answer("Seine", 0.0)]
        assert "Paris\n" in server.requests[0].prompt
        assert "[1]" not in server.requests[0].prompt
        assert reader(tmp_path, server.url).read(QUERIES[:1], [[]]) == [Answer("", 0.0)]
        assert len(server.requests) == 1


def test_what_is_no_answer_is_counted(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply:
        if "which river" in request.prompt:
            return Reply("I think so", finish="length")
        return Reply("Answer: unknown" if "which water" in request.prompt else "Answer: Bacon")

    with language_server(answer) as server, Meter() as meter:
        answers = reader(tmp_path, server.url, extract="after").read(QUERIES, HITS)
    assert [a.text for a in answers] == ["", "", "Bacon"]
    assert meter.spent.usage is not None
    assert meter.spent.usage.counts == {
        "answers not found": 1,
        "of them cut off": 1,
        "abstentions": 1,
    }


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"prompt": "{question}"}, r"prompt has no \{passages\}"),
        ({"prompt": "{passages}", "passages": 0}, r"prompt has no \{question\}"),
        ({"prompt": "{question}{passages}{x}"}, r"unknown field \{x\}"),
        ({"passage": "{body}"}, r"passage has an unknown field \{body\}"),
        ({"extract": "pattern"}, "go together"),
        ({"stop": ("",)}, "stop has an empty text"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LmReaderConfig(**keys)


def test_a_local_model_stops_at_the_end_of_a_line(tmp_path: Path) -> None:
    folder = tiny_lm(tmp_path / "lm")
    plain = reader(tmp_path / "cache", checkpoint=str(folder))
    assert plain._stop() == ("\n",)
    assert reader(tmp_path / "cache", checkpoint=str(folder), extract="all")._stop() == ()
    cost = plain.cost(QUERIES[0], HITS[0])
    assert cost.gflop is not None
    fewer = reader(tmp_path / "cache", checkpoint=str(folder), passages=1)
    less = fewer.cost(QUERIES[0], HITS[0])
    assert less.gflop is not None
    assert less.gflop < cost.gflop


def test_a_prompt_that_does_not_fit_loses_its_last_words(tmp_path: Path) -> None:
    def made(context: int) -> LmReader:
        folder = tiny_lm(tmp_path / str(context), context=context)
        return reader(
            tmp_path / "cache",
            checkpoint=str(folder),
            instruction="",
            prompt="{passages}Q {question} A",
            passage="{text}. ",
            max_answer_tokens=2,
        )

    def prompt(lm: LmReader, n: int) -> Prompt:
        return lm._prompt(QUERIES[0], lm._passages(HITS[0][:n]))

    wide = made(512)
    one, two = (wide._model.prompt_tokens(prompt(wide, n)) or 0 for n in (1, 2))
    narrow = made(two + 2 - 1)
    assert prompt(narrow, 3) == prompt(wide, 1)
    with Meter() as meter:
        narrow.read(QUERIES[:1], HITS[:1])
    assert meter.spent.usage is not None
    assert meter.spent.usage.counts["shortened prompts"] == 1
    narrower = made(one + 2 - 1)
    assert prompt(narrower, 3).text == f"Seine water flows through. Q {QUERIES[0].text} A"
    narrower.read(QUERIES[:1], HITS[:1])


SPECS = """
{name: NAME, retriever: {type: overlap, k: 2}, reader: {type: lm, passages: 1, endpoint:
 {url: "URL", model: m, prompt_price: 1000.0, completion_price: 2000.0, parallel: 2}}}
"""


def test_tokens_and_price_are_columns_of_a_comparison(
    toys: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from odqa.cli.table import table
    from odqa.comparison.result import Comparison
    from odqa.report.page import render_page
    from odqa.report.terminal.render import render, render_summary
    from odqa.report.terminal.usage import usage_lines
    from odqa.tracking.values import pipeline_metrics

    with language_server(lambda request: "Seine and so on") as server:
        text = SPECS.replace("URL", server.url)
        plain = "{name: plain, retriever: {type: overlap, k: 2}, reader: {type: first_word}}"
        specs = [parse_pipeline(text.replace("NAME", "asked")), parse_pipeline(plain)]
        cache = Cache(tmp_path / "cache")
        comparison = run_comparison(specs, toy_dataset(), cache, latency=2)
        assert len(server.requests) == 3
        words = sum(len(r.prompt.split()) for r in server.requests)
        again = run_comparison(
            specs, toy_dataset(), cache, latency=1, results=Cache(tmp_path / "results")
        )
        assert len(server.requests) == 3
    price = (words * 1000 + 12 * 2000) / 1e6 / 3
    comparison.save(tmp_path / "run")
    for result in (comparison, again, Comparison.load(tmp_path / "run")):
        row = result.table().loc["asked"]
        assert row["tokens / question"] == f"{(words + 12) / 3:.1f}"
        assert float(row["price / question"]) == pytest.approx(price, rel=0.01)
        assert result.table().loc["plain", "tokens / question"] == ""
        stage = result.stages().set_index(["pipeline", "stage"]).loc["asked", "reader"]
        assert stage["tokens / question"] == pytest.approx((words + 12) / 3)
        assert stage["price / question"] == pytest.approx(price)
        assert stage["notes"] == "answers not found: 0, of them cut off: 0, abstentions: 0"
        metrics = pipeline_metrics(result, "asked")
        assert metrics["cost/price_per_question"] == pytest.approx(price)
        assert metrics["cost/reader/completion_tokens_per_question"] == pytest.approx(4)
        assert not any("price" in name for name in pipeline_metrics(result, "plain"))
        assert "answers not found: 0" in render_page(result)
        assert "answers not found: 0" in render(result)
        assert "tokens" in render_summary(result)
        assert result.pipelines["asked"].costs[-1].facts["abstentions"] == "0"
    usage = again.pipelines["asked"].costs[-1].online.usage
    assert usage is not None
    assert usage.from_cache == 3
    line = usage_lines(again)[-1]
    table(tmp_path / "run", usage=True)
    assert capsys.readouterr().out.splitlines()[-1] == usage_lines(comparison)[-1]
    assert line.split()[:2] == ["asked", "lm"]
    # A rerun's latency is that of the requests when they were sent, not of reading a file.
    latency = again.pipelines["asked"].latency
    assert latency is not None
    assert latency.of("lm")[0] >= usage.seconds_then / 3 / 10


def test_no_key_is_left_by_a_run(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("A_KEY", "sk-s3cret")
    text = SPECS.replace("NAME", "asked").replace("model: m", "model: m, key_variable: A_KEY")

    def answer(request: Request) -> str:
        return f"Seine {request.headers['authorization']}"

    with language_server(answer) as server, caplog.at_level("DEBUG"):
        spec = parse_pipeline(text.replace("URL", server.url))
        comparison = run_comparison([spec], toy_dataset(), Cache(tmp_path / "cache"), latency=1)
        comparison.save(tmp_path / "run")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"Bearer [key]" in path.read_bytes() for path in files)
    assert not any(b"s3cret" in path.read_bytes() for path in files)
    assert "s3cret" not in caplog.text
    assert "A_KEY" in (tmp_path / "run/pipelines/asked/spec.yaml").read_text()
