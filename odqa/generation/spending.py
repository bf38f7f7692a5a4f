"""A limit on what one process uses of a model, kept before a request is sent, not after.

Every request reserves the most that it can cost: a byte of text is at most a token, whatever the
tokenizer, and an answer has at most the tokens that it may. Only when that fits into what is left
is it sent; afterwards what was really used takes the place of the reservation. Where no answer
came although the request was sent, the server may have billed it, and the reservation stays.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from odqa.errors import ComponentError
from odqa.generation.config import EndpointConfig

#: Tokens that a server may add to a prompt: markers of messages, a template's own instruction.
_ADDED = 128


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens and their price, 0 without prices."""

    tokens: int = 0
    price: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.tokens + other.tokens, self.price + other.price)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.tokens - other.tokens, self.price - other.price)


class Ledger:
    """What this process used of one model at one address, by all components together."""

    def __init__(self) -> None:
        self._settled = threading.Condition()
        self.used = Amount()
        self._reserved = Amount()
        self._waiting_for = 0

    def reserve(self, config: EndpointConfig, amount: Amount) -> None:
        """Set the most that a request can cost aside; waits for requests in flight where only what
        they reserved is in the way.

        Raises:
            ComponentError: it could pass the limit.
        """
        with self._settled:
            while _passes(config, self.used + self._reserved + amount):
                if not self._waiting_for:
                    raise self._refusal(config, amount)
                self._settled.wait()
            self._reserved += amount
            self._waiting_for += 1

    def settle(self, reserved: Amount, used: Amount) -> None:
        """A request ended and used so much."""
        with self._settled:
            self._reserved -= reserved
            self._waiting_for -= 1
            if not self._waiting_for:
                # Sums of prices round.
                self._reserved = Amount()
            self.used += used
            self._settled.notify_all()

    def _refusal(self, config: EndpointConfig, amount: Amount) -> ComponentError:
        by_tokens = config.limit_tokens is not None and (
            self.used.tokens + amount.tokens > config.limit_tokens
        )
        key = "limit_tokens" if by_tokens else "limit_price"
        if by_tokens:
            limit, used, most = (
                f"{n:,}" for n in (config.limit_tokens or 0, self.used.tokens, amount.tokens)
            )
        else:
            limit, used, most = (
                f"{n:.6g}" for n in (config.limit_price or 0.0, self.used.price, amount.price)
            )
        return ComponentError(
            f"the next request to '{config.model}' could use {most}, and of {key} {limit} "
            f"{used} are used: stopped before it",
            where=f"endpoint {config.origin}",
            cure=f"raise {key} and run again (answers so far are kept), or ask fewer questions",
        )


def worst_case(config: EndpointConfig, prompt_bytes: int, max_tokens: int) -> Amount:
    """The most that one request can use."""
    prompt = prompt_bytes + _ADDED
    return amount_of(config, prompt, max_tokens)


def amount_of(config: EndpointConfig, prompt_tokens: int, completion_tokens: int) -> Amount:
    """Tokens with their price."""
    price = config.price(prompt_tokens, completion_tokens) or 0.0
    return Amount(prompt_tokens + completion_tokens, price)


def ledger_of(config: EndpointConfig) -> Ledger:
    """The one ledger of this address and model in this process."""
    with _LOCK:
        return _LEDGERS.setdefault((config.url.rstrip("/"), config.model), Ledger())


_LOCK = threading.Lock()
_LEDGERS: dict[tuple[str, str], Ledger] = {}


def _passes(config: EndpointConfig, amount: Amount) -> bool:
    tokens, price = config.limit_tokens, config.limit_price
    # A price computed twice may differ in its last bits.
    return (tokens is not None and amount.tokens > tokens) or (
        price is not None and amount.price > price * (1 + 1e-12)
    )
