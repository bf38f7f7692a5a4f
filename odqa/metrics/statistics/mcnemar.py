"""McNemar's test for metrics that are right or wrong, such as exact match."""

from __future__ import annotations


def mcnemar_mid_p(fixed: int, broken: int) -> float:
    """Two-sided p-value of whether as many questions are fixed as broken.

    The exact test never rejects too often, but with few discordant questions it rejects far too
    seldom (3.5 % instead of 5 % at 100 of them). The mid-p-value counts half of the observed
    outcome's probability and stays close to the nominal level; Fagerland, Lydersen and Laake
    (2013) recommend it.

    Args:
        fixed: questions that only the candidate gets right.
        broken: questions that only the baseline gets right.
    """
    from scipy.stats import binom

    discordant = fixed + broken
    if discordant == 0:
        return 1.0
    fewer = min(fixed, broken)
    tail = float(binom.cdf(fewer, discordant, 0.5))
    observed = float(binom.pmf(fewer, discordant, 0.5))
    return min(1.0, 2 * tail - observed)
