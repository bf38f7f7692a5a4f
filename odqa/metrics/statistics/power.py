"""Power of paired tests: how many questions a difference needs, and which one so many show."""

from __future__ import annotations

import math

_BEYOND = 1_000_000_000
_POWER, _ALPHA = 0.8, 0.05


def questions_needed(effect_size: float) -> int | None:
    """Questions with which a two-sided paired t-test at 0.05 finds Cohen's dz with 80 % power.

    The sign-flip test and McNemar's have the same power as the t-test in large samples. `None`
    when no number suffices (no effect, an effect that is not a number, or over 1e9 questions).
    """
    if not effect_size or math.isnan(effect_size):
        return None
    if math.isinf(effect_size) or power_of(effect_size, 2) >= _POWER:
        return 2
    low, high = 2, 4
    while power_of(effect_size, high) < _POWER:
        low, high = high, high * 2
        if high > _BEYOND:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if power_of(effect_size, middle) < _POWER:
            low = middle
        else:
            high = middle
    return high


def smallest_effect(questions: int) -> float | None:
    """Cohen's dz that a two-sided paired t-test at 0.05 finds with 80 % power.

    The inverse of `questions_needed`; `None` for fewer than three questions, where
    the noncentral t of one degree of freedom is inexact. Times the standard
    deviation of the differences, it is the smallest difference that so many questions show.
    """
    if questions < 3:
        return None
    low, high = 0.0, 1.0
    while power_of(high, questions) < _POWER:
        low, high = high, high * 2
    # To the precision of the noncentral t.
    for _ in range(60):
        middle = (low + high) / 2
        if power_of(middle, questions) < _POWER:
            low = middle
        else:
            high = middle
    return high


def power_of(effect_size: float, questions: int) -> float:
    """Chance that a two-sided paired t-test at 0.05 rejects, by the noncentral t."""
    from scipy.special import nctdtr, ndtr, stdtrit

    degrees, shift = questions - 1, abs(effect_size) * math.sqrt(questions)
    critical = float(stdtrit(degrees, 1 - _ALPHA / 2))
    if degrees > 100_000:
        # The noncentral t is slow and inexact here, and the normal is equal to 1e-5.
        return float(ndtr(shift - critical) + ndtr(-shift - critical))
    return float(1 - nctdtr(degrees, shift, critical) + nctdtr(degrees, shift, -critical))
