"""Power of paired tests: how many questions are needed to show a difference of this size."""

from __future__ import annotations

import math

_BEYOND = 1_000_000_000


def questions_needed(effect_size: float, *, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Questions with which a two-sided paired t-test finds Cohen's dz with this power.

    The sign-flip test and McNemar's have the same power as the t-test in large samples. `None`
    when no number suffices (no effect, an effect that is not a number, or over 1e9 questions).
    """
    if not effect_size or math.isnan(effect_size):
        return None
    if math.isinf(effect_size) or power_of(effect_size, 2, alpha) >= power:
        return 2
    low, high = 2, 4
    while power_of(effect_size, high, alpha) < power:
        low, high = high, high * 2
        if high > _BEYOND:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if power_of(effect_size, middle, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def power_of(effect_size: float, questions: int, alpha: float = 0.05) -> float:
    """Chance that a two-sided paired t-test at ``alpha`` rejects, by the noncentral t."""
    from scipy.special import nctdtr, ndtr, stdtrit

    degrees, shift = questions - 1, abs(effect_size) * math.sqrt(questions)
    critical = float(stdtrit(degrees, 1 - alpha / 2))
    if degrees > 100_000:
        # The noncentral t is slow and inexact here, and the normal is equal to 1e-5.
        return float(ndtr(shift - critical) + ndtr(-shift - critical))
    return float(1 - nctdtr(degrees, shift, critical) + nctdtr(degrees, shift, -critical))
