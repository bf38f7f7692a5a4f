"""The small values that travel between stages.

They are frozen, slotted and picklable. Ids travel with scores: nothing in odqa keeps a list of
ids next to a list of scores, because the two drift apart (four public ranking libraries shipped
that bug).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: How the accepted answers of questions are read: as texts, or as regular expressions.
Matching = Literal["tokens", "regex"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrievable piece of text; the unit on which every pipeline is scored.

    ``id`` is unique in its corpus; ``title`` may be empty.
    """

    id: str
    text: str
    title: str = ""

    @property
    def full_text(self) -> str:
        """Title and text joined by one space: what every component indexes by default."""
        return f"{self.title} {self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Query:
    """What a component is asked: an id and a text, and nothing that scoring knows."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Question(Query):
    """A question with every accepted answer (empty when only asking, not scoring).

    ``supporting`` are titles of the pages that a question of several hops needs, all of them; empty
    where that is not known. Both are for scoring. Components get the `query`, unless their config
    ``sees_answers``.
    """

    answers: tuple[str, ...] = ()
    supporting: tuple[str, ...] = ()

    @property
    def query(self) -> Query:
        """The same without its answers."""
        return Query(self.id, self.text)


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage with its score; higher is better, scales differ between components."""

    passage_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader returns for one question.

    ``text`` is empty when the reader abstains. ``start`` and ``end`` are character offsets into
    the text of passage ``passage_id`` (end exclusive) when the answer is a span of it.
    """

    text: str
    score: float
    passage_id: str | None = None
    start: int | None = None
    end: int | None = None
