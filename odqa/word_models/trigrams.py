"""Word hashing: a text as the letter trigrams of its words (Huang et al. 2013, section 3.2).

A word is marked at both ends and cut into overlapping threes: ``#cat#`` is ``#ca``, ``cat`` and
``at#``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from odqa.checkpoints.word_models import TRIGRAMS
from odqa.errors import CheckpointError

_WORD = re.compile(r"\w+")


def letter_trigrams(text: str) -> Counter[str]:
    """Trigrams of the lower-cased words of a text, with how often they occur."""
    counts: Counter[str] = Counter()
    for word in _WORD.findall(text.lower()):
        marked = f"#{word}#"
        counts.update(marked[i : i + 3] for i in range(len(marked) - 2))
    return counts


class Trigrams:
    """The trigrams that a model knows; others are left out.

    Args:
        known: each with its row in the model's matrix, from 0.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self._rows = {trigram: row for row, trigram in enumerate(known)}

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, text: str) -> tuple[list[int], list[int]]:
        """Rows of the known trigrams of a text, rising, and how often each occurs."""
        counts = letter_trigrams(text)
        known = sorted((self._rows[t], n) for t, n in counts.items() if t in self._rows)
        return [row for row, _ in known], [n for _, n in known]

    @classmethod
    def read(cls, folder: Path) -> Trigrams:
        """From a checkpoint's file, one a line.

        Raises:
            CheckpointError: no such file, or a line that is no trigram or stands twice.
        """
        path = folder / TRIGRAMS
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(
                "no readable file of trigrams", where=str(path), cure="train it again"
            ) from error
        known = lines[:-1] if lines[-1] == "" else lines
        seen: set[str] = set()
        for number, line in enumerate(known, start=1):
            if len(line) != 3 or line in seen:
                what = "stands twice" if line in seen else "is not three characters"
                raise CheckpointError(
                    f"{line!r} {what}", where=f"{path}:{number}", cure="train it again"
                )
            seen.add(line)
        return cls(known)


def frequent_trigrams(texts: Iterable[str], least: int) -> list[tuple[str, int]]:
    """Trigrams that at least so many texts have, in alphabetical order, with how many do."""
    frequencies: Counter[str] = Counter()
    for text in texts:
        frequencies.update(letter_trigrams(text).keys())
    return sorted((trigram, n) for trigram, n in frequencies.items() if n >= least)
