"""Confidence intervals of means by the bootstrap over questions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from odqa.metrics.statistics.resampling import DRAWS, LEVEL, SEED, blocks


class Interval(NamedTuple):
    """A confidence interval, ends included."""

    low: float
    high: float


def mean_interval(
    values: ArrayLike, *, level: float = LEVEL, resamples: int = DRAWS, seed: int = SEED
) -> Interval:
    """Interval of the mean of values [n], or of paired differences.

    Bias-corrected and accelerated (BCa; Efron 1987). Values that are all the same give an
    interval of width 0.

    Raises:
        ValueError: there are no values.
    """
    column = np.asarray(values, dtype=np.float64).reshape(-1, 1)
    return mean_intervals(column, level=level, resamples=resamples, seed=seed)[0]


def mean_intervals(
    columns: ArrayLike, *, level: float = LEVEL, resamples: int = DRAWS, seed: int = SEED
) -> list[Interval]:
    """`mean_interval` of every column of [n, m], with the same resamples of the n questions."""
    x = np.asarray(columns, dtype=np.float64)
    n = x.shape[0]
    if n == 0:
        raise ValueError("no values to take an interval of")
    # One row of the block holds counts that sum to n: its product with x is n times a mean.
    drawn = blocks("bootstrap", n, resamples, seed)
    means = np.concatenate([block.astype(np.float64) @ x / n for block in drawn])
    return [_bca(x[:, j], means[:, j], level) for j in range(x.shape[1])]


def _bca(x: NDArray[np.float64], means: NDArray[np.float64], level: float) -> Interval:
    from scipy.special import ndtr, ndtri

    mean = float(x.mean())
    deviations = x - mean
    squares = float((deviations**2).sum())
    # Rounding of the mean leaves deviations of about 1e-16 where there are none.
    if np.ptp(x) == 0 or squares == 0:
        return Interval(mean, mean)
    tolerance = 1e-12 * float(np.abs(x).max())
    below = float((means < mean - tolerance).mean())
    equal = float((np.abs(means - mean) <= tolerance).mean())
    share = min(max(below + equal / 2, 0.5 / len(means)), 1 - 0.5 / len(means))
    bias = float(ndtri(share))
    # Jackknife acceleration of a mean in closed form.
    acceleration = float((deviations**3).sum()) / (6 * squares**1.5)
    ends = ndtri([(1 - level) / 2, (1 + level) / 2]) + bias
    low, high = np.quantile(means, ndtr(bias + ends / (1 - acceleration * ends)))
    return Interval(float(low), float(high))
