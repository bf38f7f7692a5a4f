from __future__ import annotations

import numpy as np
import pytest

from odqa.metrics.statistics.macro import macro_interval, macro_mean, macro_p


def test_every_set_counts_the_same() -> None:
    assert macro_mean([[1.0, 0.0, 0.0, 0.0], [1.0]]) == pytest.approx((0.25 + 1.0) / 2)


def test_the_interval_is_that_of_the_normal_approximation_in_large_sets() -> None:
    draw = np.random.default_rng(0)
    sets = [draw.normal(0.5, 1.0, 800), draw.normal(0.2, 2.0, 200)]
    low, high = macro_interval(sets)
    deviation = np.sqrt(sum(np.var(x) / len(x) for x in sets)) / 2
    assert low == pytest.approx(macro_mean(sets) - 1.96 * deviation, abs=0.01)
    assert high == pytest.approx(macro_mean(sets) + 1.96 * deviation, abs=0.01)


def test_one_set_is_resampled_apart_from_another() -> None:
    # The same values twice: drawn together, the mean would vary by sqrt(2) more.
    x = np.random.default_rng(0).normal(0.0, 1.0, 500)
    low, high = macro_interval([x, x])
    assert high - low == pytest.approx(2 * 1.96 * np.std(x) / np.sqrt(2 * 500), rel=0.05)


def test_p_of_few_differences_by_hand() -> None:
    # Weights 1/2 * 1/1 = 0.5 and 1/2 * 1/2 = 0.25: of the eight patterns of signs, only all plus
    # and all minus reach 0.5 + 0.25 + 0.25.
    assert macro_p([[1.0], [1.0, 1.0]]) == pytest.approx(2 / 8)
    # The single question weighs as much as the two that oppose it: every pattern is as extreme.
    assert macro_p([[1.0], [-1.0, -1.0]]) == 1.0


def test_no_values() -> None:
    with pytest.raises(ValueError, match="no sets"):
        macro_interval([])
    with pytest.raises(ValueError, match="a set without values"):
        macro_interval([[1.0], []])
