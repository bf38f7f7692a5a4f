"""Orders of systems and how sure they are: by hand, and against SciPy and exact probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from odqa.metrics.statistics.bootstrap import mean_interval
from odqa.metrics.statistics.ranking import (
    first_shares,
    kendall_taus,
    resampled_means,
    tau_interval,
)


def test_shares_by_hand() -> None:
    means = np.array([[0.5, 0.4, 0.1], [0.2, 0.2, 0.1], [0.0, 0.3, 0.1], [0.1, 0.1, 0.1]])
    # First alone, shared by two, second alone, shared by three.
    assert first_shares(means) == pytest.approx(
        [(1 + 1 / 2 + 0 + 1 / 3) / 4, (0 + 1 / 2 + 1 + 1 / 3) / 4, (1 / 3) / 4]
    )


def test_shares_of_a_coin() -> None:
    # One question where they differ, either way: two systems, two questions.
    # Of four equally likely resamples one has the first ahead, one the second, two a tie.
    shares = first_shares(resampled_means([[1.0, 0.0], [0.0, 1.0]]))
    assert shares == pytest.approx([0.5, 0.5], abs=0.02)
    # A third question for the first: it is behind only in draws of the second question alone more
    # than half: binomial(3, 1/3) >= 2, which is 7/27.
    shares = first_shares(resampled_means([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    assert shares == pytest.approx([20 / 27, 7 / 27], abs=0.02)


def test_resamples_spread_as_the_intervals_of_means_do() -> None:
    x = np.random.default_rng(0).random((50, 3))
    means = resampled_means(x)
    assert means.shape == (10_000, 3)
    for system in range(3):
        low, high = np.quantile(means[:, system], [0.025, 0.975])
        assert (low, high) == pytest.approx(tuple(mean_interval(x[:, system])), abs=0.004)


@pytest.mark.parametrize("decimals", [8, 1])
def test_tau_equals_scipy(decimals: int) -> None:
    draw = np.random.default_rng(decimals)
    a, b = draw.random((40, 6)).round(decimals), draw.random((40, 6)).round(decimals)
    peer = [kendalltau(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert kendall_taus(a, b) == pytest.approx(np.array(peer), nan_ok=True)


def test_tau_where_all_are_tied() -> None:
    tied, ordered = np.zeros((2, 3)), np.array([[1.0, 2.0, 3.0]] * 2)
    assert np.isnan(kendall_taus(tied, ordered)).all()
    assert np.isnan(tau_interval(tied, ordered)).all()
    assert tau_interval(ordered, ordered) == (1.0, 1.0)
