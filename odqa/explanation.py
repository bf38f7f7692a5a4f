"""Explanations of a ranker: which parts of a passage its score comes from.

An explanation is computed after ranking, for people to read. It enters no score, no metric and
no cost, and it shows where a model looked, not why it decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["alignment", "attention"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a passage.

    ``start`` and ``end`` are character offsets into `odqa.types.Passage.full_text` (end
    exclusive). They are equal for a token that stands for no text, such as [CLS].
    """

    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Match:
    """A question token and the piece (its index among the pieces) most similar to it."""

    token: str
    piece: int
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a ranker looked at in one passage; pieces are in the order of the text.

    ``kind`` decides what the numbers mean:

    * ``alignment`` (late interaction): ``matches`` has one entry per question token, in order;
      ``pieces`` are the passage tokens that were chosen, each with its highest similarity.
    * ``attention``: every token with its share of the question's attention. ``share`` is their
      sum: this passage's share of the attention to all passages that were read together.
    """

    passage_id: str
    kind: Kind
    pieces: tuple[Piece, ...]
    matches: tuple[Match, ...] = ()
    share: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, numbers with four significant digits."""
        return {
            "passage": self.passage_id,
            "kind": self.kind,
            "pieces": [[p.start, p.end, _short(p.weight)] for p in self.pieces],
            "matches": [[m.token, m.piece, _short(m.score)] for m in self.matches],
            "share": None if self.share is None else _short(self.share),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Explanation:
        """The inverse of `to_dict`."""
        return cls(
            data["passage"],
            data["kind"],
            tuple(Piece(*piece) for piece in data["pieces"]),
            tuple(Match(*match) for match in data["matches"]),
            data["share"],
        )


def _short(value: float) -> float:
    return float(f"{value:.4g}")
