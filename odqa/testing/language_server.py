"""A server on 127.0.0.1 that speaks OpenAI's protocol, for tests of components with endpoints."""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from odqa.testing.servers import serving


@dataclass(frozen=True, slots=True)
class Reply:
    """A completion, or any answer at all: with ``body`` that is sent as it is.

    Tokens are words, as whoever checks figures counts them; ``usage`` false leaves them out.
    ``top`` are likely first tokens with their probabilities.
    """

    text: str | None = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    usage: bool = True
    finish: str = "stop"
    top: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What came in."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def prompt(self) -> str:
        """All its texts, a line each."""
        if "prompt" in self.body:
            return str(self.body["prompt"])
        return "\n".join(message["content"] for message in self.body["messages"])


class LanguageServer:
    """Answers with what ``answer`` says of each request, and remembers them all."""

    def __init__(self, answer: Callable[[Request], Reply | str]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        #: The most that were open at a time.
        self.most_open = 0
        self.url = ""
        self._open = 0
        self._lock = threading.Lock()

    def treat(self, connection: socket.socket) -> None:
        """Read one request, answer it, close the connection."""
        # The client goes away where it has waited long enough.
        with connection, suppress(OSError):
            request = _read(connection)
            with self._lock:
                self.requests.append(request)
                self._open += 1
                self.most_open = max(self.most_open, self._open)
            try:
                answer = self.answer(request)
            finally:
                with self._lock:
                    self._open -= 1
            reply = Reply(answer) if isinstance(answer, str) else answer
            connection.sendall(_written(request, reply))


@contextmanager
def language_server(answer: Callable[[Request], Reply | str]) -> Iterator[LanguageServer]:
    """A server that runs while the block does; its ``url`` is what specs name."""
    server = LanguageServer(answer)
    with serving(server.treat) as uri:
        server.url = f"{uri}/v1"
        yield server


def _read(connection: socket.socket) -> Request:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise ConnectionResetError
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Request(first.split()[1], headers, json.loads(body))


def _written(request: Request, reply: Reply) -> bytes:
    body = reply.body if reply.body is not None else json.dumps(_content(request, reply)).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [
        f"HTTP/1.1 {reply.status} X",
        *(f"{k}: {v}" for k, v in (headers | dict(reply.headers)).items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _content(request: Request, reply: Reply) -> dict[str, Any]:
    if reply.status != 200:
        return {"error": {"message": reply.text}}
    choice: dict[str, Any] = {"index": 0, "finish_reason": reply.finish}
    top = {token: math.log(p) for token, p in (reply.top or {}).items()}
    if request.path.endswith("/chat/completions"):
        choice["message"] = {"role": "assistant", "content": reply.text}
        items = [{"token": token, "logprob": value} for token, value in top.items()]
        if reply.top is not None and request.body.get("logprobs"):
            choice["logprobs"] = {
                "content": [{"token": "x", "logprob": 0.0, "top_logprobs": items}]
            }
    else:
        choice["text"] = reply.text
        if reply.top is not None and request.body.get("logprobs"):
            choice["logprobs"] = {"top_logprobs": [top]}
    content: dict[str, Any] = {"object": "chat.completion", "choices": [choice]}
    if reply.usage:
        tokens = (len(request.prompt.split()), len((reply.text or "").split()))
        content["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    return content
