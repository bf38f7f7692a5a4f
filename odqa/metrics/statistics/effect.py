"""Effect size of paired differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class WinTieLoss:
    """Questions where the candidate's value is higher, the same, and lower."""

    wins: int
    ties: int
    losses: int


def win_tie_loss(differences: ArrayLike) -> WinTieLoss:
    """Counts of positive, zero and negative differences [n]."""
    d = np.asarray(differences, dtype=np.float64)
    return WinTieLoss(int((d > 0).sum()), int((d == 0).sum()), int((d < 0).sum()))


def cohens_dz(differences: ArrayLike) -> float:
    """Mean of the differences [n] over their standard deviation (n - 1 in the denominator).

    0.2 is called small, 0.5 medium, 0.8 large (Cohen 1988). 0 when all differences are 0,
    infinite when all are the same other number, NaN for a single one.
    """
    d = np.asarray(differences, dtype=np.float64)
    if len(d) < 2:
        return math.nan
    mean = float(d.mean())
    if np.ptp(d) == 0:
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / float(d.std(ddof=1))
