"""What both sides of a comparison are built to and fed with; standard library only.

The peer's environment does not hold odqa, so sizes travel as JSON.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """A RETRO model and a batch for it; the defaults are the paper's 172M.

    Heads are 8 of 128 where the paper has 16 of 64: the peer always builds 8. Width, operations
    and bytes are the same. Layers count from 1.
    """

    batch: int = 2
    tokens: int = 512
    neighbours: int = 2
    retrieved: int = 128
    chunk: int = 64
    vocabulary: int = 30_522
    width: int = 896
    heads: int = 8
    head_dim: int = 128
    layers: int = 12
    cross_layers: tuple[int, ...] = (6, 9, 12)
    encoder_layers: int = 2
    encoder_cross_layers: tuple[int, ...] = (1,)
    feed_forward: int = 4
    """Inner width of feed-forward, in widths."""

    def __post_init__(self) -> None:
        for name in ("cross_layers", "encoder_cross_layers"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def chunks(self) -> int:
        """Complete chunks of a sequence; each has neighbours."""
        return self.tokens // self.chunk

    @property
    def inner(self) -> int:
        """Inner width of attention."""
        return self.heads * self.head_dim

    def to_json(self) -> str:
        """One line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Sizes:
        """Inverse of `to_json`."""
        return cls(**json.loads(text))
