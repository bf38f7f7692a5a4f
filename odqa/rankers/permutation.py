"""The order that a language model wrote, ``[2] > [1] > [3]``, read and repaired."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from odqa.generation.reasoning import without_reasoning

_IN_BRACKETS = re.compile(r"\[\s*([0-9]{1,6})\s*\]")
_NUMBER = re.compile(r"(?<![\w.])[0-9]{1,6}(?!\w|\.[0-9])")


@dataclass(frozen=True, slots=True)
class Permutation:
    """``order`` has each of the ``n`` positions once, from 0; the others count what was wrong.

    ``missing`` positions were not named, ``repeated`` ones named again, ``unknown`` are numbers of
    no passage.
    """

    order: tuple[int, ...]
    missing: int = 0
    repeated: int = 0
    unknown: int = 0

    @property
    def is_found(self) -> bool:
        """Whether any passage was named."""
        return self.missing < len(self.order)

    @property
    def is_repaired(self) -> bool:
        """Whether anything was wrong."""
        return bool(self.missing or self.repeated or self.unknown)


def parse_permutation(text: str, n: int) -> Permutation:
    """The order of ``n`` passages, numbered from 1, in a model's text.

    Of a repeated number the first counts, unknown ones are left out, and passages that are not
    named follow in the order that they had, as in RankGPT's program. That reads every digit as a
    number; here numbers in brackets count alone where there is one, so that "the 3 passages:
    [2] > [1]" names two.
    """
    text = without_reasoning(text)
    numbers = [int(found) for found in _IN_BRACKETS.findall(text) or _NUMBER.findall(text)]
    known = [number - 1 for number in numbers if 1 <= number <= n]
    named = list(dict.fromkeys(known))
    missing = [position for position in range(n) if position not in set(named)]
    return Permutation(
        (*named, *missing), len(missing), len(known) - len(named), len(numbers) - len(known)
    )


def windows(n: int, size: int, step: int) -> Iterator[range]:
    """The windows over ``n`` passages, from the last to the first.

    Each begins ``step`` before the one below it; the uppermost begins at 0, whatever is left, so
    that every passage is in one (RankGPT's program shows the first five of 25 to no model, with
    windows of 20 and a step of 10). A single window where all fit in.
    """
    start = max(0, n - size)
    while True:
        yield range(start, min(start + size, n))
        if start == 0:
            return
        start = max(0, start - step)


def reordered(items: Sequence[int], window: range, permutation: Permutation) -> list[int]:
    """The items with those of a window in another order."""
    inside = [items[window.start + position] for position in permutation.order]
    return [*items[: window.start], *inside, *items[window.stop :]]
