"""What can go wrong with a request, each as one line for the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from odqa.errors import ComponentError
from odqa.escapes import mask_passwords
from odqa.generation.config import EndpointConfig
from odqa.generation.key import Key
from odqa.generation.protocol import error_message
from odqa.generation.transport import Response, TransportFailure

#: Statuses after which the same request may succeed.
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


@dataclass
class Failure(Exception):
    """One try that failed. ``may_pass``: another one may not."""

    what: str
    cure: str = ""
    may_pass: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)

    def error(self, config: EndpointConfig, attempts: int, asked: float | None) -> ComponentError:
        """The one line of it, after so many tries."""
        tries = f" ({attempts} tries)" if attempts > 1 else ""
        if asked is not None and self.may_pass:
            tries += f", and asks to wait {asked:.0f} s"
        return ComponentError(
            f"'{config.model}' {self.what}{tries}",
            where=f"endpoint {config.origin}",
            cure=self.cure or "run again later: answers so far are kept",
        )


def transport_failure(failure: TransportFailure) -> Failure:
    """Of a request without a complete answer."""
    cures = {
        "refused": "start the server, or check url",
        "has no": "check url",
        "sent more": "raise response_mb, or lower the most tokens of an answer",
        "gave no": "raise timeout, or run again later: answers so far are kept",
        "has a certificate": "check url, or trust the certificate by SSL_CERT_FILE",
    }
    cure = next((cure for begin, cure in cures.items() if failure.what.startswith(begin)), "")
    return Failure(failure.what, cure, failure.may_pass)


def failure_of(config: EndpointConfig, answer: Response, key: Key) -> Failure:
    """Of an answer with a status that is no success."""
    status, message = answer.status, key.masked(error_message(answer.body))
    said = f": {message}" if message else ""
    may_pass = status in _PASSING and "insufficient_quota" not in answer.body.decode("latin-1")
    if 300 <= status < 400:
        target = urlsplit(answer.headers.get("location", ""))
        where = mask_passwords(f"{target.scheme}://{target.netloc}") if target.netloc else "a path"
        return Failure(
            f"was redirected to {key.masked(where)} (status {status}), which is not followed",
            "write the address of the server itself into url",
            False,
        )
    cures = {
        400: "check model, the prompt's length and extra",
        401: f"check the key in {config.key_variable}"
        if config.key_variable
        else "name the environment variable with its key in key_variable",
        403: "check what the key may do",
        404: "check url (up to its version, such as /v1), api and model",
        413: "lower the number of passages in a prompt",
        422: "check model and extra",
        429: "lower parallel, raise retries, or run again later: answers so far are kept",
    }
    return Failure(
        f"failed with status {status}{said}", cures.get(status, ""), may_pass, answer.headers
    )
