"""OpenAI's protocol: the body of a request, and what an answer says.

Both APIs: ``/chat/completions`` with messages, ``/completions`` with one text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from odqa.generation.config import EndpointConfig
from odqa.generation.language_model import Prompt

#: How many likely tokens are asked for where log-probabilities are wanted.
TOP_TOKENS = {"chat": 20, "completions": 5}


class Rubbish(Exception):
    """An answer that does not follow the protocol; the text says in what."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What an answer says; tokens are `None` where it does not."""

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    is_cut: bool
    first_token: tuple[tuple[str, float], ...]


def request_body(
    config: EndpointConfig,
    prompt: Prompt,
    max_tokens: int,
    stop: Sequence[str] = (),
    *,
    log_probabilities: bool = False,
) -> dict[str, Any]:
    """The JSON of one request."""
    body: dict[str, Any] = {"model": config.model}
    if config.api == "chat":
        system = [{"role": "system", "content": prompt.instruction}] if prompt.instruction else []
        body["messages"] = [*system, {"role": "user", "content": prompt.text}]
    else:
        body["prompt"] = prompt.plain
    body[config.token_limit] = max_tokens
    if config.temperature is not None:
        body["temperature"] = config.temperature
    if config.seed is not None:
        body["seed"] = config.seed
    if stop:
        body["stop"] = list(stop)
    if log_probabilities:
        top = TOP_TOKENS[config.api]
        body |= {"logprobs": True, "top_logprobs": top} if config.api == "chat" else {"logprobs": 5}
    return {**body, **config.extra}


def path_of(config: EndpointConfig) -> str:
    """Where its requests go."""
    endings = {"chat": "/chat/completions", "completions": "/completions"}
    return config.url.rstrip("/") + endings[config.api]


def parse_answer(config: EndpointConfig, body: bytes) -> Parsed:
    """What the body of a successful answer says.

    Raises:
        Rubbish: no JSON, no choice in it, or a value of another type.
    """
    content = _json(body)
    choices = content.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Rubbish("answered with no choices")
    choice = choices[0]
    if not isinstance(choice, Mapping):
        raise Rubbish("answered with a choice that is no object")
    text = _text(config, choice)
    usage = content.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    return Parsed(
        text,
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        choice.get("finish_reason") == "length",
        _first_token(config, choice),
    )


def error_message(body: bytes) -> str:
    """What a failure says of itself, or the beginning of its text."""
    try:
        content = _json(body)
    except Rubbish:
        return body[:200].decode(errors="replace").strip()
    error = content.get("error", content)
    message = error.get("message") if isinstance(error, Mapping) else error
    for key in ("message", "detail"):
        message = message or content.get(key)
    return str(message or "")[:300]


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise Rubbish("answered with no JSON") from None
    if not isinstance(content, Mapping):
        raise Rubbish("answered with JSON that is no object")
    return content


def _text(config: EndpointConfig, choice: Mapping[str, Any]) -> str:
    if config.api == "completions":
        text = choice.get("text")
    else:
        message = choice.get("message")
        if not isinstance(message, Mapping):
            raise Rubbish("answered with a choice without message")
        # Null where the model used its tokens up before it wrote.
        text = message.get("content", "") or ""
    if not isinstance(text, str):
        raise Rubbish("answered with a text that is none")
    # Half of a pair of surrogates, which JSON allows and no file takes.
    return text.encode("utf-8", errors="replace").decode()


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**31 else None


def _first_token(
    config: EndpointConfig, choice: Mapping[str, Any]
) -> tuple[tuple[str, float], ...]:
    given = choice.get("logprobs")
    try:
        if config.api == "completions":
            pairs = list(given["top_logprobs"][0].items())  # type: ignore[index]
        else:
            top = given["content"][0]["top_logprobs"]  # type: ignore[index]
            pairs = [(item["token"], item["logprob"]) for item in top]
        tokens = tuple((str(token), float(value)) for token, value in pairs)
    except (TypeError, KeyError, IndexError, AttributeError, ValueError):
        # Not asked for, not known to this server, or no token at all.
        return ()
    return tuple((token, value) for token, value in tokens if math.isfinite(value))
