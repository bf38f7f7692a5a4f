from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from odqa.metrics.statistics.bootstrap import Interval, mean_interval, mean_intervals


@pytest.mark.parametrize("skewed", [False, True])
def test_equals_scipys_bca(skewed: bool) -> None:
    random = np.random.default_rng(3)
    values = random.exponential(size=80) if skewed else (random.random(200) < 0.3).astype(float)
    peer = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    ours = mean_interval(values, resamples=40_000)
    # Both are random: ends may differ by a fraction of the standard error.
    error = values.std() / np.sqrt(len(values))
    assert ours.low == pytest.approx(peer.low, abs=0.05 * error)
    assert ours.high == pytest.approx(peer.high, abs=0.05 * error)


def test_covers_the_true_mean_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    samples = (random.random((200, 1500)) < 0.4).astype(float)
    for level in (0.8, 0.95):
        ends = np.array(mean_intervals(samples, level=level, resamples=1000))
        covered = np.mean((ends[:, 0] <= 0.4) & (ends[:, 1] >= 0.4))
        assert covered == pytest.approx(level, abs=0.03)


def test_columns_get_what_they_get_alone() -> None:
    columns = np.random.default_rng(0).random((50, 3))
    together = mean_intervals(columns, resamples=500)
    alone = [mean_interval(columns[:, j], resamples=500) for j in range(3)]
    assert np.array(together) == pytest.approx(np.array(alone))


def test_seed_decides() -> None:
    values = np.random.default_rng(0).random(50)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


@pytest.mark.parametrize("values", [[0.1], [0.1] * 7, [0.0, 0.0], [1.0]])
def test_no_spread_no_width(values: list[float]) -> None:
    assert mean_interval(values) == Interval(pytest.approx(values[0]), pytest.approx(values[0]))


def test_one_right_among_many_stays_inside_the_scale() -> None:
    low, high = mean_interval([1.0] + [0.0] * 99)
    assert 0.0 <= low < 0.01 < high < 0.1


def test_no_values() -> None:
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])
