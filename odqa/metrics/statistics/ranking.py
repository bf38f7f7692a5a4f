"""How sure an order of systems is: resamples of questions, and who comes first in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from odqa.metrics.statistics.bootstrap import Interval
from odqa.metrics.statistics.resampling import DRAWS, LEVEL, SEED, blocks

Means = NDArray[np.float64]


def resampled_means(values: ArrayLike, *, draws: int = DRAWS, seed: int = SEED) -> Means:
    """Means of systems over resampled questions, the same questions for all systems.

    Args:
        values: [questions, systems], at least one question.

    Returns:
        [draws, systems].
    """
    x = np.asarray(values, dtype=np.float64)
    drawn = blocks("bootstrap", len(x), draws, seed)
    return np.concatenate([block.astype(np.float64) @ x / len(x) for block in drawn])


def first_shares(means: Means) -> NDArray[np.float64]:
    """In which share of the draws each system has the highest mean; who ties for it shares it.

    Args:
        means: [draws, systems].

    Returns:
        [systems], which sum to 1.
    """
    is_first = means == means.max(axis=1, keepdims=True)
    return np.asarray((is_first / is_first.sum(axis=1, keepdims=True)).mean(axis=0))


def kendall_taus(ours: Means, theirs: Means) -> NDArray[np.float64]:
    """Kendall's tau-b (1945) of two orders of the same systems, for each draw.

    Args:
        ours: [draws, systems] of one set of questions.
        theirs: of another.

    Returns:
        [draws]; NaN where one of the two has all systems tied.
    """
    left, right = np.triu_indices(ours.shape[1], k=1)
    a = np.sign(ours[:, left] - ours[:, right])
    b = np.sign(theirs[:, left] - theirs[:, right])
    untied = np.sqrt(np.abs(a).sum(axis=1) * np.abs(b).sum(axis=1))
    concordance = (a * b).sum(axis=1)
    taus = np.full(len(ours), np.nan)
    np.divide(concordance, untied, out=taus, where=untied > 0)
    return taus


def tau_interval(ours: Means, theirs: Means, *, level: float = LEVEL) -> Interval:
    """Percentile interval of tau over the draws; NaN where no draw has one."""
    taus = kendall_taus(ours, theirs)
    known = taus[~np.isnan(taus)]
    if not known.size:
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
