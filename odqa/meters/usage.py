"""What language models were asked for in a block, beside its seconds: tokens, money, failures.

A component notes what it used; every open `odqa.meters.meter.Meter` of the same thread adds it up,
so that tokens need no way of their own through the results of components.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests to language models and what they cost.

    ``price`` is in the currency of the spec's prices; `None` where the spec has none for an
    endpoint, 0 for models that run here. An answer from the cache counts as when it was asked for:
    ``from_cache`` requests of all cost nothing this time, and would take about ``seconds_then``, as
    their times were when they were sent. ``counts`` are occasions that a reader of the figures must
    know, such as parse failures.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: float | None = 0.0
    from_cache: int = 0
    seconds_then: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Of prompts and completions."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        """The price of the whole is unknown where that of a part is."""
        prices = (self.price, other.price)
        return Usage(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            None if None in prices else sum(price for price in prices if price is not None),
            self.from_cache + other.from_cache,
            self.seconds_then + other.seconds_then,
            {
                name: self.counts.get(name, 0) + other.counts.get(name, 0)
                for name in dict.fromkeys((*self.counts, *other.counts))
            },
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Usage:
        """From plain values; unknown keys are ignored."""
        return cls(**{f.name: data[f.name] for f in fields(cls) if f.name in data})


class _Tally:
    """What was noted since it was opened."""

    def __init__(self) -> None:
        self.usage: Usage | None = None

    def add(self, usage: Usage) -> None:
        self.usage = usage if self.usage is None else self.usage + usage


#: Those that are open in this thread or task; the innermost comes last.
_OPEN: ContextVar[tuple[_Tally, ...]] = ContextVar("open tallies", default=())


@contextmanager
def tally() -> Iterator[_Tally]:
    """Add up what the block notes; ``usage`` stays `None` where it notes nothing."""
    opened = _Tally()
    token = _OPEN.set((*_OPEN.get(), opened))
    try:
        yield opened
    finally:
        _OPEN.reset(token)


def note_usage(usage: Usage) -> None:
    """Add to every open tally of this thread."""
    for opened in _OPEN.get():
        opened.add(usage)


def note_count(name: str, n: int = 1) -> None:
    """Note that something happened ``n`` times; 0 shows that it was looked for."""
    note_usage(Usage(counts={name: n}))
