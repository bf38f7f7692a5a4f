"""Passages with their scores: the result of a search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, overload

from odqa.types import Hit, Passage

if TYPE_CHECKING:
    import pandas as pd

#: Characters of a text in a table.
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class ScoredPassage:
    """One passage, its place (from 1) and its score."""

    rank: int
    score: float
    passage: Passage


@dataclass(frozen=True)
class ScoredPassages(Sequence[ScoredPassage]):
    """The passages for one question, best first."""

    question: str
    items: tuple[ScoredPassage, ...]

    @property
    def hits(self) -> list[Hit]:
        """Ids with scores, as input of components."""
        return [Hit(item.passage.id, item.score) for item in self.items]

    def frame(self) -> pd.DataFrame:
        """rank, score, id, title, text."""
        import pandas as pd

        rows = [(i.rank, i.score, i.passage.id, i.passage.title, i.passage.text) for i in self]
        return pd.DataFrame(rows, columns=["rank", "score", "id", "title", "text"])

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[ScoredPassage]:
        return iter(self.items)

    @overload
    def __getitem__(self, at: int) -> ScoredPassage: ...
    @overload
    def __getitem__(self, at: slice) -> ScoredPassages: ...
    def __getitem__(self, at: int | slice) -> ScoredPassage | ScoredPassages:
        if isinstance(at, slice):
            return ScoredPassages(self.question, self.items[at])
        return self.items[at]

    def __str__(self) -> str:
        lines = [self.question]
        for item in self.items:
            text = " ".join(item.passage.full_text.split())[:_SHOWN]
            lines.append(f"{item.rank:>3}. {item.score:9.3f}  {item.passage.id}: {text}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "<tr><th></th><th>score</th><th>id</th><th>title</th><th>text</th></tr>"
        rows = "".join(
            f"<tr><td>{item.rank}</td><td>{item.score:.3f}</td><td>{escape(item.passage.id)}</td>"
            f"<td>{escape(item.passage.title)}</td>"
            f"<td style='text-align:left'>{escape(item.passage.text[:_SHOWN])}</td></tr>"
            for item in self.items
        )
        return f"<b>{escape(self.question)}</b><table>{head}{rows}</table>"
