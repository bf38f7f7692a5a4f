"""Agreement of two judges beyond chance."""

from __future__ import annotations

from collections.abc import Sequence


def cohens_kappa(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Cohen's kappa of two lists of verdicts on the same items (Cohen 1960).

    1.0 where they are the same, 0.0 where they agree as often as chance would have it; not a number
    where both judges gave one verdict throughout.

    Raises:
        ValueError: no items, or lists of different lengths.
    """
    n = len(first)
    if not n or n != len(second):
        raise ValueError(f"{n} and {len(second)} verdicts")
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    yes, other_yes = sum(first) / n, sum(second) / n
    expected = yes * other_yes + (1 - yes) * (1 - other_yes)
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")
