"""Endpoints against servers that work, fail, stall, drip, talk rubbish, redirect or cost much."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from odqa.cache import Cache
from odqa.errors import ComponentError, EnvironmentProblem
from odqa.generation import endpoint as module
from odqa.generation import spending
from odqa.generation.config import EndpointConfig
from odqa.generation.endpoint import Endpoint
from odqa.generation.language_model import Prompt
from odqa.meters.meter import Meter
from odqa.testing.language_server import LanguageServer, Reply, Request, language_server
from odqa.testing.servers import cut_off, drip, hang, rubbish, serving

PROMPTS = [Prompt(f"question {n}", "Be brief.") for n in range(5)]
KEY = "sk-s3cret-0123456789"


@pytest.fixture(autouse=True)
def _new_ledgers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spending, "_LEDGERS", {})


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were to be waited before another try; none is waited."""
    seconds: list[float] = []

    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout is not None:
                seconds.append(timeout)
                return self.is_set()
            return super().wait()

    monkeypatch.setattr(module, "Event", Impatient)
    return seconds


@pytest.fixture
def echo() -> Iterator[LanguageServer]:
    """Answers with the last word of the prompt."""
    with language_server(lambda request: f"answer {request.prompt.split()[-1]}") as server:
        yield server


def asking(url: str, cache: Cache | Path, **keys: Any) -> Endpoint:
    config = EndpointConfig(url=url, model="m", **keys)
    return Endpoint(config, cache if isinstance(cache, Cache) else Cache(cache))


def failing(url: str, cache: Cache | Path, **keys: Any) -> str:
    """The one line of a failure."""
    with pytest.raises(ComponentError) as caught:
        asking(url, cache, **keys).complete(PROMPTS[:1], max_tokens=5)
    (line,) = str(caught.value).splitlines()
    return line


def test_asks_and_counts(echo: LanguageServer, tmp_path: Path) -> None:
    model = asking(echo.url, tmp_path, prompt_price=2.0, completion_price=10.0)
    with Meter() as meter:
        completions = model.complete(PROMPTS, max_tokens=7, stop=("\n",))
    assert [c.text for c in completions] == [f"answer {n}" for n in range(5)]
    request = echo.requests[0]
    assert request.path == "/v1/chat/completions"
    assert "authorization" not in request.headers
    assert request.body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (request.body["max_tokens"], request.body["temperature"]) == (7, 0.0)
    usage = meter.spent.usage
    assert usage is not None
    # Four words of prompt and two of answer, five times.
    assert (usage.requests, usage.prompt_tokens, usage.completion_tokens) == (5, 20, 10)
    assert usage.price == pytest.approx((20 * 2.0 + 10 * 10.0) / 1e6)
    assert usage.from_cache == 0


def test_a_model_without_chat_gets_one_text(echo: LanguageServer, tmp_path: Path) -> None:
    model = asking(echo.url, tmp_path, api="completions", temperature=None, seed=3)
    model.complete(PROMPTS[:1], max_tokens=7)
    (request,) = echo.requests
    assert request.path == "/v1/completions"
    assert request.body["prompt"] == "Be brief.\n\nquestion 0"
    assert "temperature" not in request.body
    assert request.body["seed"] == 3


def test_sends_what_the_spec_adds(echo: LanguageServer, tmp_path: Path) -> None:
    keys: dict[str, Any] = {
        "extra": {"reasoning_effort": "low"},
        "token_limit": "max_completion_tokens",
    }
    asking(echo.url, tmp_path, **keys).complete(PROMPTS[:1], max_tokens=7)
    body = echo.requests[0].body
    assert body["reasoning_effort"] == "low"
    assert body["max_completion_tokens"] == 7
    assert "max_tokens" not in body


def test_a_rerun_asks_nothing(echo: LanguageServer, tmp_path: Path) -> None:
    first = asking(echo.url, tmp_path).complete([*PROMPTS, *PROMPTS], max_tokens=7)
    assert len(echo.requests) == 5
    prices = {"prompt_price": 1.0, "completion_price": 1.0}
    with Meter() as meter:
        again = asking(echo.url, tmp_path, retries=0, **prices).complete(PROMPTS, max_tokens=7)
    assert len(echo.requests) == 5
    assert [c.text for c in again] == [c.text for c in first[:5]]
    usage = meter.spent.usage
    assert usage is not None
    assert (usage.from_cache, usage.tokens) == (5, 30)
    assert usage.price == pytest.approx(30 / 1e6)
    assert usage.seconds_then > 0
    for change in ({"seed": 1}, {"temperature": 0.5}, {"extra": {"x": 1}}, {"api": "completions"}):
        asking(echo.url, tmp_path, **change).complete(PROMPTS[:1], max_tokens=7)
    asking(echo.url, tmp_path).complete(PROMPTS[:1], max_tokens=8)
    assert len(echo.requests) == 10


def test_a_server_that_moved_is_another_unless_it_has_a_name(tmp_path: Path) -> None:
    for name, sent in ((None, 2), ("same", 1)):
        requests = 0
        for _ in range(2):
            with language_server(lambda request: "yes") as server:
                keys = {"cache_as": name} if name else {}
                asking(server.url, tmp_path, **keys).complete(PROMPTS[:1], max_tokens=7)
                requests += len(server.requests)
        assert requests == sent


def test_so_many_at_a_time(tmp_path: Path) -> None:
    three = threading.Barrier(3)

    def together(request: Request) -> str:
        three.wait(timeout=30)
        return "yes"

    with language_server(together) as server:
        prompts = [Prompt(str(n)) for n in range(9)]
        asking(server.url, tmp_path, parallel=3).complete(prompts, max_tokens=7)
        assert server.most_open == 3


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (Reply("bad key", 401), r"failed with status 401: bad key; name the environment variable"),
        (Reply("no model m", 404), r"failed with status 404: no model m; check url .*, api and"),
        (Reply("too long", 400), r"failed with status 400: too long; check model"),
        (Reply("slow down", 429), r"failed with status 429: slow down \(3 tries\); lower parallel"),
        (Reply("oh", 500), r"failed with status 500: oh \(3 tries\); run again later"),
        (Reply(status=503, body=b"<html>gone\n\x1b[31m"), r"503: <html>gone \\x1b\[31m \(3 tries"),
        (Reply(body=b"<p>hi</p>"), r"answered with no JSON \(3 tries\)"),
        (Reply(body=b"[" * 100_000), r"answered with no JSON"),
        (Reply(body=b"[]"), r"answered with JSON that is no object"),
        (Reply(body=b'{"choices": []}'), r"answered with no choices"),
        (Reply(body=b'{"choices": [1]}'), r"a choice that is no object"),
        (Reply(body=b'{"choices": [{"text": "x"}]}'), r"a choice without message"),
        (Reply(body=b'{"choices": [{"message": {"content": 1}}]}'), r"with a text that is none"),
        (Reply(body=b"x" * 300_000), r"sent more than 0\.2 MB \(response_mb\); raise response_mb"),
    ],
)
def test_a_failure_is_one_line(reply: Reply, line: str, tmp_path: Path, waits: list[float]) -> None:
    with language_server(lambda request: reply) as server:
        text = failing(server.url, tmp_path, retries=2, response_mb=0.2)
    host = server.url.removeprefix("http://").removesuffix("/v1")
    assert text.startswith(f"endpoint {host}: 'm' ")
    assert re.search(line, text), text
    assert not list(tmp_path.rglob("completion.json"))
    passing = reply.status in (429, 500, 503) or (reply.status == 200 and len(reply.body) < 2e5)
    assert len(server.requests) == (3 if passing else 1)


@pytest.mark.parametrize(
    ("answer", "line", "least"),
    [
        (hang, "'m' gave no complete answer within 0.5 s; raise timeout", 0.4),
        (drip, "'m' gave no complete answer within 0.5 s; raise timeout", 0.4),
        (cut_off, "'m' broke off its answer; run again later", 0.0),
        (rubbish, "'m' answered with no JSON; run again later", 0.0),
    ],
)
def test_no_server_holds_a_run(
    answer: Callable[[socket.socket], None], line: str, least: float, tmp_path: Path
) -> None:
    with serving(answer) as uri:
        started = time.perf_counter()
        assert line in failing(uri, tmp_path, retries=0, timeout=0.5)
        assert least < time.perf_counter() - started < 20


def test_a_server_that_is_down_is_one_line(tmp_path: Path, waits: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    line = failing(url, tmp_path, retries=1)
    assert "'m' refused the connection (2 tries); start the server, or check url" in line
    assert "has no known address" in failing("http://no-such-host.invalid/v1", tmp_path, retries=0)


def test_waits_longer_from_try_to_try(tmp_path: Path, waits: list[float]) -> None:
    replies = iter([Reply("", 500)] * 4 + [Reply("yes")])
    with language_server(lambda request: next(replies)) as server:
        (completion,) = asking(server.url, tmp_path).complete(PROMPTS[:1], max_tokens=5)
    assert completion.text == "yes"
    bounds = [0.5, 1.0, 2.0, 4.0]
    assert len(waits) == 4
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))


@pytest.mark.parametrize(("value", "least"), [("7", 7.0), ("0", 0.0), ("soon", 0.25)])
def test_waits_as_long_as_the_server_asks(
    value: str, least: float, tmp_path: Path, waits: list[float]
) -> None:
    replies = iter([Reply("", 429, {"Retry-After": value}), Reply("yes")])
    with language_server(lambda request: next(replies)) as server:
        asking(server.url, tmp_path).complete(PROMPTS[:1], max_tokens=5)
    assert least <= waits[0] <= least + 0.25


def test_gives_up_where_the_server_asks_for_too_much(tmp_path: Path, waits: list[float]) -> None:
    reply = Reply("later", 429, {"Retry-After": "86400"})
    with language_server(lambda request: reply) as server:
        assert "and asks to wait 86400 s" in failing(server.url, tmp_path)
        assert (len(server.requests), waits) == (1, [])


def test_an_empty_account_is_no_passing_failure(tmp_path: Path, waits: list[float]) -> None:
    reply = Reply(status=429, body=b'{"error": {"message": "no", "code": "insufficient_quota"}}')
    with language_server(lambda request: reply) as server:
        failing(server.url, tmp_path)
        assert len(server.requests) == 1


def test_a_redirect_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    with language_server(lambda request: "stolen") as thief:
        for status in (301, 302, 307, 308):
            reply = Reply("", status, {"Location": f"{thief.url}?key=x"})
            with language_server(lambda request, reply=reply: reply) as server:
                line = failing(server.url, tmp_path, key_variable="A_KEY")
                assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
            host = thief.url.removesuffix("/v1")
            assert f"was redirected to {host} (status {status}), which is not followed" in line
        assert thief.requests == []


def test_what_was_answered_before_a_failure_is_kept(tmp_path: Path, waits: list[float]) -> None:
    def answer(request: Request) -> Reply:
        return Reply("no", 400) if request.prompt.endswith("3") else Reply("yes")

    with language_server(answer) as server:
        with pytest.raises(ComponentError, match="status 400"):
            asking(server.url, tmp_path, parallel=1).complete(PROMPTS, max_tokens=5)
        assert len(server.requests) == 4
        server.answer = lambda request: "yes"
        asking(server.url, tmp_path, parallel=1).complete(PROMPTS, max_tokens=5)
        assert len(server.requests) == 6


def test_tokens_that_a_server_does_not_tell_are_at_most_its_bytes(tmp_path: Path) -> None:
    with language_server(lambda request: Reply("yes", usage=False)) as server, Meter() as meter:
        (completion,) = asking(server.url, tmp_path).complete(PROMPTS[:1], max_tokens=5)
    assert completion.estimated
    assert (completion.prompt_tokens, completion.completion_tokens) == (
        len("Be brief.question 0") + 128,
        5,
    )
    assert meter.spent.usage is not None
    assert meter.spent.usage.counts == {"requests with estimated tokens": 1}


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("limit", ["limit_tokens", "limit_price"])
def test_stops_before_the_limit(limit: str, parallel: int, tmp_path: Path) -> None:
    """A request reserves 19 bytes + 128 + 5 tokens and uses 6."""
    prices = {"prompt_price": 1.0, "completion_price": 1.0}
    # Room for the reservation of the fourth request after three, but not of a fifth after four.
    most = (
        {"limit_tokens": 3 * 6 + 152}
        if limit == "limit_tokens"
        else {"limit_price": (3 * 6 + 152) / 1e6}
    )
    keys: dict[str, Any] = {"parallel": parallel, **prices, **most}
    with language_server(lambda request: "one two") as server:
        with pytest.raises(ComponentError) as caught:
            asking(server.url, tmp_path, **keys).complete(PROMPTS, max_tokens=5)
        assert len(server.requests) == 4
        # Another component of the process has no budget of its own.
        with pytest.raises(ComponentError, match=f"of {limit}"):
            asking(server.url, tmp_path, **keys).complete(PROMPTS, max_tokens=5)
        assert len(server.requests) == 4
        # What is kept costs nothing.
        done = [p for p in PROMPTS if any(p.text in r.prompt for r in server.requests)]
        assert len(asking(server.url, tmp_path, **keys).complete(done, max_tokens=5)) == 4
    text = str(caught.value)
    assert "stopped before it" in text
    assert f"raise {limit} and run again" in text
    used = "24 are used" if limit == "limit_tokens" else "2.4e-05 are used"
    assert used in text


def test_a_request_that_may_have_been_billed_counts_in_full(
    tmp_path: Path, waits: list[float]
) -> None:
    with serving(rubbish) as uri:
        line = failing(uri, tmp_path, limit_tokens=2 * 152 + 10, retries=9)
    assert "of limit_tokens 314 304 are used" in line


def test_an_unset_key_is_one_line(echo: LanguageServer, tmp_path: Path) -> None:
    model = asking(echo.url, tmp_path, key_variable="NO_SUCH_KEY")
    with pytest.raises(EnvironmentProblem, match="NO_SUCH_KEY is not set; put the server's key"):
        model.complete(PROMPTS, max_tokens=5)
    assert echo.requests == []


@pytest.mark.parametrize("status", [200, 401, 500])
def test_a_key_that_the_server_repeats_is_masked(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)

    def answer(request: Request) -> Reply:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        repeated = f'"{KEY} {escaped}"'
        if status == 200:
            body = f'{{"choices": [{{"message": {{"content": {repeated}}}}}]}}'
        else:
            body = f'{{"error": {{"message": {repeated}}}}}'
        return Reply(status=status, body=body.encode())

    with language_server(answer) as server:
        if status == 200:
            model = asking(server.url, tmp_path, key_variable="A_KEY")
            (completion,) = model.complete(PROMPTS[:1], max_tokens=5)
            text = completion.text
        else:
            text = failing(server.url, tmp_path, key_variable="A_KEY")
    assert text.count("[key]") == 2
    assert "s3cret" not in text
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"s3cret" not in path.read_bytes()


def test_log_probabilities_of_choices(tmp_path: Path) -> None:
    top = {"Yes": 0.5, " yes": 0.25, "Maybe": 0.125}
    for api in ("chat", "completions"):
        with language_server(lambda request: Reply("Yes", top=top)) as server:
            model = asking(server.url, tmp_path, api=api)
            ((yes, no),) = model.choose(PROMPTS[:1], ("Yes", "No"))
        # "No" is not among the likeliest: at most as likely as the last of them.
        assert (yes, no) == (pytest.approx(-0.2876820724), pytest.approx(-2.0794415417))
    with (
        language_server(lambda request: Reply("Yes")) as server,
        pytest.raises(ComponentError, match="gives no log-probabilities; set score: text"),
    ):
        asking(server.url, tmp_path).choose(PROMPTS[:1], ("Yes", "No"))


def test_half_a_pair_of_surrogates_is_kept_as_text(tmp_path: Path) -> None:
    body = json.dumps({"choices": [{"message": {"content": "a\ud800b"}}]}).encode()
    with language_server(lambda request: Reply(body=body)) as server:
        (completion,) = asking(server.url, tmp_path).complete(PROMPTS[:1], max_tokens=5)
    assert completion.text == "a?b"


def test_a_proxy_of_the_environment_gets_nothing_that_is_for_this_machine(
    echo: LanguageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with language_server(lambda request: "stolen") as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("A_KEY", KEY)
        model = asking(echo.url, tmp_path, key_variable="A_KEY")
        (completion,) = model.complete(PROMPTS[:1], max_tokens=5)
        assert completion.text == "answer 0"
        assert proxy.requests == []


def test_answers_of_the_cache_took_the_time_of_so_many_at_once(
    echo: LanguageServer, tmp_path: Path
) -> None:
    asking(echo.url, tmp_path).complete(PROMPTS[:4], max_tokens=5)

    def seconds(parallel: int) -> float:
        with Meter() as meter:
            asking(echo.url, tmp_path, parallel=parallel).complete(PROMPTS[:4], max_tokens=5)
        assert meter.spent.usage is not None
        return meter.spent.usage.seconds_then

    assert seconds(1) == pytest.approx(4 * seconds(4))
    assert seconds(1) == pytest.approx(4 * seconds(9))
