"""The best of several candidates, chosen on one half of the questions and judged on the other.

The mean of a candidate over the questions on which it was chosen is too high: of several that are
equally good, the one that those questions happen to favour is chosen. On the questions that had no
part in the choice it is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from odqa.metrics.statistics.resampling import SEED


@dataclass(frozen=True, slots=True)
class CrossChoice:
    """One split, used in both directions.

    ``first`` [n] says which questions are in the first half. ``chosen`` are the numbers of the
    candidates chosen on the first and on the second half; ``apparent`` their means there, and
    ``judged`` their means on the other half. ``values`` [n] has every question's value of the
    candidate that was chosen without it.
    """

    first: NDArray[np.bool_]
    chosen: tuple[int, int]
    apparent: tuple[float, float]
    judged: tuple[float, float]
    values: NDArray[np.float64]

    @property
    def optimism(self) -> float:
        """By how much the means on the choosing halves are higher, on average.

        Exactly 0 where both halves choose the same candidate and are equally large.
        """
        return (sum(self.apparent) - sum(self.judged)) / 2


def first_half(ids: Sequence[str], seed: int = SEED) -> NDArray[np.bool_]:
    """Which questions are in the first half: of n, the (n + 1) // 2 with the lowest hashes.

    The hash is SHA-256 of seed and id, so that the halves depend neither on the order of the
    questions nor on the machine.
    """
    hashes = [hashlib.sha256(f"{seed}:{key}".encode()).digest() for key in ids]
    order = sorted(range(len(ids)), key=lambda n: (hashes[n], ids[n]))
    first = np.zeros(len(ids), dtype=bool)
    first[order[: (len(ids) + 1) // 2]] = True
    return first


def cross_choice(values: ArrayLike, first: NDArray[np.bool_]) -> CrossChoice:
    """Choose among the columns of values [questions, candidates] on each half, judge on the other.

    Of candidates with equal means the first is chosen.

    Raises:
        ValueError: a half without questions.
    """
    x = np.asarray(values, dtype=np.float64)
    if first.all() or not first.any():
        raise ValueError("a half without questions")
    means = [x[half].mean(axis=0) for half in (first, ~first)]
    # Rounding must not choose: a sum of the same numbers in another order differs in the last bits.
    a, b = (int(np.flatnonzero(mean >= mean.max() - 1e-12)[0]) for mean in means)
    return CrossChoice(
        first,
        (a, b),
        (float(means[0][a]), float(means[1][b])),
        (float(means[1][a]), float(means[0][b])),
        np.where(first, x[:, b], x[:, a]),
    )
