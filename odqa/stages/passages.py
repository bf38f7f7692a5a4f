"""Passages with their scores: the result of a search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

from odqa.html_view import html_table, shortened
from odqa.types import Hit, Passage

if TYPE_CHECKING:
    import pandas as pd

#: Characters of a text in a table.
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class ScoredPassage:
    """One passage, its place (from 1) and its score.

    ``was`` is its place among the passages that the ranker was given; `None` where nothing ranked
    or no order was given.
    """

    rank: int
    score: float
    passage: Passage
    was: int | None = field(default=None, compare=False)


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
        """rank, was (where a ranker was given an order), score, id, title, text."""
        import pandas as pd

        return pd.DataFrame(self._rows(), columns=self._columns())

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
            text = shortened(item.passage.full_text, _SHOWN)
            lines.append(f"{item.rank:>3}. {item.score:9.3f}  {item.passage.id}: {text}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [(*row[:-1], shortened(str(row[-1]), _SHOWN)) for row in self._rows()]
        return html_table(self._columns(), rows, self.question)

    def _columns(self) -> list[str]:
        was = ["was"] if self._knows_places() else []
        return ["rank", *was, "score", "id", "title", "text"]

    def _rows(self) -> list[tuple[object, ...]]:
        was = self._knows_places()
        return [
            (i.rank, *([i.was] if was else []), i.score, p.id, p.title, p.text)
            for i, p in ((item, item.passage) for item in self)
        ]

    def _knows_places(self) -> bool:
        return any(item.was is not None for item in self)
