"""One POST of JSON: bounded in time and size, sent to one host alone.

Redirects are never followed, for they would carry the key to whomever the server names. A watchdog
ends a request at its deadline, whatever the server sends until then: a time-out of the socket alone
does not end an answer that comes byte by byte.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from functools import partial
from typing import IO, Any
from urllib.error import HTTPError, URLError

_CHUNK = 65_536
#: Bytes of an error's body that are read.
_ERROR_BODY = 65_536


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers (names in lower case) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportFailure(Exception):
    """No complete answer came.

    ``was_sent``: the server may have done, and billed, what it was asked.
    """

    def __init__(self, what: str, *, was_sent: bool, may_pass: bool = True) -> None:
        super().__init__(what)
        self.what = what
        self.was_sent = was_sent
        #: Whether another try may help.
        self.may_pass = may_pass


def post_json(
    url: str,
    content: Mapping[str, Any],
    headers: Mapping[str, str],
    timeout: float,
    most: int,
    *,
    proxied: bool = True,
) -> Response:
    """Send ``content``, return what comes back whatever its status is.

    Args:
        timeout: seconds from connecting to the last byte.
        most: bytes of a body; of a failure's body only the beginning is read.
        proxied: by the proxy that the environment names, if any. Never to this machine: a key for
            it would go unencrypted to another.

    Raises:
        TransportFailure: no connection, no answer in time, a broken or too large one.
    """
    body = json.dumps(content, allow_nan=False).encode()
    request = urllib.request.Request(
        url, body, {**headers, "Content-Type": "application/json", "Accept": "application/json"}
    )
    watchdog = _Watchdog(timeout)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler(None if proxied else {}),
        _NoRedirects,
        _Http(watchdog.watch),
        _Https(watchdog.watch),
    )
    with watchdog:
        try:
            try:
                answer = opener.open(request, timeout=timeout)
            except HTTPError as error:
                with error:
                    text = _read(error, _ERROR_BODY, may_cut=True)
                    return Response(error.code, _lower(error.headers), text)
            with answer:
                text = _read(answer, most)
                headers = _lower(answer.headers)
                if watchdog.has_barked or len(text) < _announced(headers):
                    raise ConnectionResetError
                return Response(answer.status, headers, text)
        except _TooLarge:
            size = f"{most / 1e6:g} MB"
            raise TransportFailure(
                f"sent more than {size} (response_mb)", was_sent=True, may_pass=False
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = _reason(error)
            # Broken off by the watchdog, an answer may look incomplete in any way.
            if watchdog.has_barked or isinstance(reason, TimeoutError):
                raise TransportFailure(
                    f"gave no complete answer within {timeout:g} s",
                    was_sent=watchdog.is_connected,
                ) from None
            raise TransportFailure(
                _described(reason),
                was_sent=watchdog.is_connected,
                may_pass=not isinstance(reason, ssl.SSLCertVerificationError),
            ) from None


class _TooLarge(Exception):
    pass


def _read(answer: IO[bytes], most: int, *, may_cut: bool = False) -> bytes:
    """The body, as far as it came."""
    parts, size = [], 0
    while chunk := answer.read(min(_CHUNK, most + 1 - size)):
        parts.append(chunk)
        size += len(chunk)
        if size > most:
            if may_cut:
                break
            raise _TooLarge
    return b"".join(parts)[:most]


def _announced(headers: Mapping[str, str]) -> int:
    """The length of the body by its header, 0 without one."""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _reason(error: Exception) -> Exception:
    """What is behind urllib's wrapper."""
    reason = getattr(error, "reason", None)
    return reason if isinstance(error, URLError) and isinstance(reason, Exception) else error


def _described(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused the connection"
    if isinstance(error, socket.gaierror):
        return "has no known address"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that cannot be trusted ({error.verify_message})"
    if isinstance(error, ConnectionError | http.client.IncompleteRead | http.client.BadStatusLine):
        return "broke off its answer"
    name = type(error).__name__
    return f"cannot be talked to ({(isinstance(error, OSError) and error.strerror) or name})"


class _Watchdog:
    """Ends the connection of one request at its deadline."""

    def __init__(self, seconds: float) -> None:
        self.has_barked = False
        self.is_connected = False
        self._deadline = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._bark)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def watch(self, connected: socket.socket) -> None:
        with self._lock:
            self.is_connected = True
            self._socket = connected
            if self.has_barked:
                self._cut()

    def __enter__(self) -> _Watchdog:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _bark(self) -> None:
        with self._lock:
            self.has_barked = True
            self._cut()

    def _cut(self) -> None:
        if self._socket is not None:
            # Reading then ends at once, in whatever thread it is.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


_Watch = Callable[[socket.socket], None]


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect as the answer that it is."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _HttpConnection(http.client.HTTPConnection):
    def __init__(self, host: str, *, watch: _Watch, **options: Any) -> None:
        super().__init__(host, **options)
        self._watch = watch

    def connect(self) -> None:
        super().connect()
        self._watch(self.sock)


class _HttpsConnection(http.client.HTTPSConnection):
    def __init__(self, host: str, *, watch: _Watch, **options: Any) -> None:
        super().__init__(host, **options)
        self._watch = watch

    def connect(self) -> None:
        super().connect()
        self._watch(self.sock)


class _Http(urllib.request.HTTPHandler):
    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        # What stands where urllib expects a class makes a connection.
        make: Any = partial(_HttpConnection, watch=self._watch)
        return self.do_open(make, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, watch: _Watch) -> None:
        super().__init__(context=ssl.create_default_context())
        self._watch = watch
        self._tls = ssl.create_default_context()

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        make: Any = partial(_HttpsConnection, watch=self._watch)
        return self.do_open(make, req, context=self._tls)
