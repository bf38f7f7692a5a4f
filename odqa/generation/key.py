"""The key of an endpoint: read from the environment, put into one header, and masked elsewhere."""

from __future__ import annotations

import json
import os

from odqa.errors import EnvironmentProblem
from odqa.generation.config import EndpointConfig

_MASK = "[key]"


class Key:
    """A key that no text shows; empty where the spec names none."""

    def __init__(self, config: EndpointConfig) -> None:
        """
        Raises:
            EnvironmentProblem: the variable is not set, or holds what no header can.
        """
        self._value = ""
        if config.key_variable is None:
            return
        value = os.environ.get(config.key_variable, "").strip()
        where = f"endpoint {config.origin}"
        if not value:
            raise EnvironmentProblem(
                f"the environment variable {config.key_variable} is not set",
                where=where,
                cure="put the server's key into it",
            )
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise EnvironmentProblem(
                f"the environment variable {config.key_variable} holds no key",
                where=where,
                cure="keys have letters, digits and marks alone, no blanks",
            )
        self._value = value

    def __repr__(self) -> str:
        return f"Key({_MASK})"

    def headers(self) -> dict[str, str]:
        """What a request carries."""
        return {"Authorization": f"Bearer {self._value}"} if self._value else {}

    def masked(self, text: str) -> str:
        """A text from the server without the key, which some servers repeat in messages."""
        return text.replace(self._value, _MASK) if self._value else text

    def masked_body(self, body: bytes) -> bytes:
        """A body of JSON without the key, however it is escaped."""
        if not self._value:
            return body
        for value in (self._value, json.dumps(self._value)[1:-1]):
            body = body.replace(value.encode(), _MASK.encode())
        return body
