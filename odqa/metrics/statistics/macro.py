"""Averages over several question sets in which every set counts the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from odqa.metrics.statistics.bootstrap import Interval
from odqa.metrics.statistics.permutation import sign_flip_p
from odqa.metrics.statistics.resampling import DRAWS, LEVEL, SEED, blocks


def macro_mean(sets: Sequence[ArrayLike]) -> float:
    """The mean of the means of several sets of values."""
    return float(np.mean([np.mean(np.asarray(values, dtype=np.float64)) for values in sets]))


def macro_interval(
    sets: Sequence[ArrayLike], *, level: float = LEVEL, resamples: int = DRAWS, seed: int = SEED
) -> Interval:
    """Percentile interval of `macro_mean`, questions being resampled within their sets.

    Raises:
        ValueError: there are no sets, or one without values.
    """
    if not sets:
        raise ValueError("no sets")
    means = sum(
        _resampled_means(np.asarray(values, dtype=np.float64), resamples, seed + number)
        for number, values in enumerate(sets)
    )
    low, high = np.quantile(means / len(sets), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def macro_p(sets: Sequence[ArrayLike]) -> float:
    """Two-sided p of the macro mean of paired differences, by flipping signs within the sets.

    A difference weighs 1 / (sets x questions of its set), so that the sum of all is the macro mean.
    """
    weighted = [np.asarray(d, dtype=np.float64) / (len(sets) * np.size(d)) for d in sets]
    return sign_flip_p(np.concatenate(weighted))


def _resampled_means(x: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    if not x.size:
        raise ValueError("a set without values")
    drawn = blocks("bootstrap", len(x), resamples, seed)
    return np.concatenate([block.astype(np.float64) @ x / len(x) for block in drawn])
