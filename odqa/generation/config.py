"""The keys of a spec that name a language model: a local checkpoint, or an endpoint."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from odqa.bounds import BoundedModel, PathText
from odqa.interfaces import ModelConfig

#: Names of environment variables as systems write them; nothing that a key could look like.
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
#: Keys of a request that odqa sets itself.
_OWN = frozenset(
    (
        "model", "messages", "prompt", "stream", "stream_options", "n", "temperature", "seed",
        "max_tokens", "max_completion_tokens", "stop", "logprobs", "top_logprobs",
    )
)  # fmt: skip
#: Fields that change no answer.
_RUNNING = {
    "key_variable", "timeout", "retries", "parallel", "response_mb", "prompt_price",
    "completion_price", "limit_tokens", "limit_price",
}  # fmt: skip


class EndpointConfig(BoundedModel):
    """A server that speaks OpenAI's protocol.

    The key stands in an environment variable, of which the spec has the name alone.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        protected_namespaces=(),
        # A key in a wrong place must not be printed.
        hide_input_in_errors=True,
    )

    url: str = Field(
        min_length=8,
        max_length=2048,
        description="Base address of the server, up to its version: https://host/v1.",
    )
    model: str = Field(min_length=1, max_length=300, description="The server's name of the model.")
    api: Literal["chat", "completions"] = Field(
        "chat", description="Ask /chat/completions, or /completions for models without chat."
    )
    key_variable: str | None = Field(
        None,
        description="Name of the environment variable with the key, such as OPENAI_API_KEY; "
        "default: no key is sent.",
    )
    temperature: float | None = Field(
        0.0, ge=0, le=2, description="0 is greedy; null leaves it to the server."
    )
    seed: int | None = Field(None, ge=0, description="Sent to servers that know seeds.")
    token_limit: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="How this server calls the most tokens of an answer."
    )
    extra: Mapping[str, str | int | float | bool] = Field(
        default_factory=dict,
        description="Further keys of every request, such as reasoning_effort.",
    )
    timeout: float = Field(
        60.0, gt=0, le=3600, description="Seconds that a request may take from end to end."
    )
    retries: int = Field(
        4, ge=0, le=20, description="How often a request is sent again after a passing failure."
    )
    parallel: int = Field(4, ge=1, le=256, description="Requests at a time.")
    response_mb: float = Field(
        4.0, gt=0, le=1024, description="Largest response in megabytes; larger ones are refused."
    )
    prompt_price: float | None = Field(
        None, ge=0, description="Price of a million tokens of prompts."
    )
    completion_price: float | None = Field(
        None, ge=0, description="Price of a million tokens of answers."
    )
    limit_tokens: int | None = Field(
        None,
        ge=1,
        description="Tokens that one process may use of this model; it stops before it uses more.",
    )
    limit_price: float | None = Field(
        None,
        gt=0,
        description="What one process may spend on this model; it stops before it spends more.",
    )
    cache_as: str | None = Field(
        None,
        min_length=1,
        max_length=300,
        description="Answers are kept under this name instead of the address: for servers of one "
        "model at changing addresses.",
    )

    @model_validator(mode="before")
    @classmethod
    def _no_secrets(cls, data: Any) -> Any:
        """First of all, so that no other error shows a key."""
        if not isinstance(data, Mapping):
            return data
        variable, url, extra = (data.get(key) for key in ("key_variable", "url", "extra"))
        if isinstance(variable, str) and not _VARIABLE.fullmatch(variable):
            raise ValueError(
                "key_variable is no name of an environment variable (capitals, digits, _); put the "
                "key there and its name here, such as OPENAI_API_KEY"
            )
        if isinstance(url, str):
            _check_url(url)
        if isinstance(extra, Mapping):
            for key in extra:
                if key in _OWN:
                    raise ValueError(f"extra: '{key}' is set by odqa itself; use its own key")
                if re.search(r"(?i)key|secret|password|authorization", str(key)):
                    raise ValueError(
                        "extra has what looks like a secret; name its environment variable with "
                        "key_variable"
                    )
        return data

    @model_validator(mode="after")
    def _fits_together(self) -> EndpointConfig:
        if (self.prompt_price is None) != (self.completion_price is None):
            raise ValueError("prompt_price and completion_price go together")
        if self.limit_price is not None and self.prompt_price is None:
            raise ValueError("limit_price needs prompt_price and completion_price")
        if self.key_variable is not None and self.is_plain and not self.is_loopback:
            raise ValueError(
                "a key would go over the network unencrypted: use https://, or http:// to this "
                "machine alone (a tunnel)"
            )
        return self

    @property
    def parts(self) -> SplitResult:
        """The parts of the address."""
        return urlsplit(self.url)

    @property
    def is_plain(self) -> bool:
        """Whether the address is not encrypted."""
        return self.parts.scheme == "http"

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        host = self.parts.hostname or ""
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def origin(self) -> str:
        """Host and port, for messages."""
        return self.parts.netloc

    def price(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """What so many tokens cost; `None` without prices."""
        if self.prompt_price is None or self.completion_price is None:
            return None
        millions = prompt_tokens * self.prompt_price + completion_tokens * self.completion_price
        return millions / 1e6

    def identity(self) -> dict[str, Any]:
        """What decides its answers: neither prices, limits nor times."""
        values = self.model_dump(mode="json", exclude={*_RUNNING, "url", "cache_as"})
        return {"server": self.cache_as or self.url.rstrip("/"), **values}


class LanguageModelConfig(ModelConfig):
    """Keys of every component with a language model: ``checkpoint``, or ``endpoint``."""

    endpoint: EndpointConfig | None = Field(
        None, description="A server that is asked instead of a local model."
    )
    checkpoint: PathText = Field(
        "embedded:lm",
        description="Folder, embedded:NAME or hub id of a causal language model, run here.",
    )
    chat_template: bool = Field(
        True, description="Use the chat template of a checkpoint that has one."
    )
    batch_size: int = Field(8, ge=1, le=65_536, description="Prompts per forward pass.")

    @field_validator("checkpoint", mode="before")
    @classmethod
    def _without_checkpoint(cls, value: object, info: ValidationInfo) -> object:
        """``checkpoint: null`` takes away the one of the spec below, for an endpoint."""
        is_asked = info.data.get("endpoint") is not None
        return cls.model_fields["checkpoint"].default if value is None and is_asked else value

    @model_validator(mode="after")
    def _local_or_endpoint(self) -> LanguageModelConfig:
        if self.endpoint is not None:
            for key in ("checkpoint", "chat_template", "batch_size"):
                default = type(self).model_fields[key].default
                if key in self.model_fields_set and getattr(self, key) != default:
                    is_named = key == "checkpoint"
                    cure = "; null takes away the one of a spec below" if is_named else ""
                    raise ValueError(f"{key} is for local models, and endpoint is set{cure}")
        return self

    def checkpoints(self) -> tuple[str, ...]:
        """None with an endpoint."""
        return () if self.endpoint is not None else (self.checkpoint,)

    def identity(self) -> Mapping[str, object]:
        """With what decides an endpoint's answers in place of its keys."""
        values = dict(super().identity())
        if self.endpoint is None:
            values.pop("endpoint")
            return values
        for key in ("checkpoint", "precision", "chat_template"):
            values.pop(key)
        return {**values, "endpoint": self.endpoint.identity()}


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_address = False
    else:
        if parts.username is not None or parts.password is not None or "@" in parts.netloc:
            raise ValueError(
                "url holds a login; put the key into an environment variable and its name into "
                "key_variable"
            )
        if parts.query or parts.fragment:
            raise ValueError("url has a query or a fragment; give the base address alone")
    if not is_address or not url.isprintable() or " " in url:
        raise ValueError("url is no address; write it as https://host/v1")
