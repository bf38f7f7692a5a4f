"""Specs of endpoints: what is refused, that no key is shown, and what decides a result."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from odqa.errors import SpecErrors
from odqa.generation.config import EndpointConfig, LanguageModelConfig
from odqa.spec.pipeline import parse_pipeline

URL = "https://host.example/v1"


def refusal(**keys: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        EndpointConfig(**{"url": URL, "model": "m", **keys})
    return str(caught.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"key_variable": "sk-s3cret"}, "key_variable is no name of an environment variable"),
        ({"url": "https://me:s3cret@host/v1"}, "url holds a login"),
        ({"url": "https://s3cret@host/v1"}, "url holds a login"),
        ({"url": "https://host/v1?key=s3cret"}, "url has a query"),
        ({"url": "ftp://host/v1"}, "url is no address"),
        ({"url": "https://host:x/v1"}, "url is no address"),
        ({"url": "https:///v1"}, "url is no address"),
        ({"url": "https://host/ v1"}, "url is no address"),
        ({"extra": {"api_key": "s3cret"}}, "extra has what looks like a secret"),
        ({"extra": {"temperature": 1}}, "'temperature' is set by odqa itself"),
        ({"url": "http://host/v1", "key_variable": "A_KEY"}, "a key would go over the network"),
        ({"url": "http://8.8.8.8/v1", "key_variable": "A_KEY"}, "a key would go over the network"),
        ({"prompt_price": 1.0}, "prompt_price and completion_price go together"),
        ({"limit_price": 1.0}, "limit_price needs prompt_price"),
    ],
)
def test_is_refused_and_shows_no_secret(keys: dict[str, Any], message: str) -> None:
    text = refusal(**keys)
    assert message in text
    assert "s3cret" not in text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_a_key_may_go_to_this_machine_unencrypted(host: str) -> None:
    EndpointConfig(url=f"http://{host}:8000/v1", model="m", key_variable="A_KEY")


def test_times_prices_and_limits_decide_no_result() -> None:
    plain = EndpointConfig(url=URL, model="m")
    running: dict[str, Any] = {
        "key_variable": "A_KEY",
        "timeout": 5.0,
        "retries": 0,
        "parallel": 9,
        "response_mb": 1.0,
        "prompt_price": 1.0,
        "completion_price": 2.0,
        "limit_tokens": 5,
        "limit_price": 0.5,
    }
    assert EndpointConfig(url=f"{URL}/", model="m", **running).identity() == plain.identity()
    for change in ({"model": "n"}, {"url": f"{URL}x"}, {"seed": 1}, {"cache_as": "x"}):
        other = EndpointConfig(**{"url": URL, "model": "m", **change})
        assert other.identity() != plain.identity()


def test_a_local_model_or_an_endpoint() -> None:
    endpoint = EndpointConfig(url=URL, model="m")
    config = LanguageModelConfig(endpoint=endpoint)
    assert config.checkpoints() == ()
    assert config.identity() == {"endpoint": endpoint.identity()}
    assert LanguageModelConfig().checkpoints() == ("embedded:lm",)
    local = LanguageModelConfig(checkpoint="x", device="cuda").identity()
    assert local == {"checkpoint": "x", "precision": "auto", "chat_template": True}
    with pytest.raises(
        ValidationError, match="checkpoint is for local models, and endpoint is set"
    ):
        LanguageModelConfig(endpoint=endpoint, checkpoint="gpt2")
    # What a spec below names is taken away.
    assert LanguageModelConfig.model_validate({"checkpoint": None, "endpoint": endpoint}) == config
    with pytest.raises(ValidationError, match="checkpoint"):
        LanguageModelConfig.model_validate({"checkpoint": None})
    # A saved spec has every key.
    again = LanguageModelConfig.model_validate_json(config.model_dump_json())
    assert again == config


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("key_variable: sk-s3cret", "key_variable is no name of an environment variable"),
        ("extra: {token: s3cret, key: s3cret}", "extra has what looks like a secret"),
        ("modell: x", "unknown key 'modell'; did you mean 'model'"),
        ("retries: -1", "greater than or equal to 0"),
        ("api: chats", "is not a value of this key; did you mean 'chat'"),
    ],
)
def test_a_wrong_key_of_a_spec_is_one_line(key: str, line: str) -> None:
    text = (
        "name: x\nretriever: null\nreader:\n  type: lm\n  passages: 0\n  endpoint:\n"
        f"    url: http://localhost/v1\n    model: m\n    {key}\n"
    )
    with pytest.raises(SpecErrors) as caught:
        parse_pipeline(text)
    (problem,) = str(caught.value).splitlines()
    assert line in problem
    assert "reader.endpoint" in problem
    assert "s3cret" not in problem
