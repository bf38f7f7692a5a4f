from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from odqa.metrics.statistics.permutation import sign_flip_p, sign_flip_ps


def scipy_p(differences: np.ndarray, draws: float) -> float:
    return float(
        stats.permutation_test(
            (differences, np.zeros_like(differences)),
            lambda x, y, axis: np.mean(x - y, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=draws,
            rng=np.random.default_rng(0),
        ).pvalue
    )


def test_exact_by_hand() -> None:
    # Of the 8 patterns of +-1 +-2 +-3, only +++ and --- reach a sum of 6 either way.
    assert sign_flip_p([1.0, 2.0, 3.0]) == 2 / 8
    # 3 + 2 - 1 = 4: reached by the sums 6, 4, -4, -6.
    assert sign_flip_p([-1.0, 2.0, 3.0]) == 4 / 8


def test_differences_of_zero_change_nothing() -> None:
    assert sign_flip_p([1.0, 0.0, 2.0, 0.0, 3.0, *[0.0] * 40]) == 2 / 8
    assert sign_flip_p([0.0] * 5) == 1.0
    assert sign_flip_p([]) == 1.0


def test_ties_by_rounding_count() -> None:
    # 0.1 + 0.2 and 0.3 differ in the last bit; as thirds of ten they are ties: 4 of 8 patterns.
    assert sign_flip_p([0.1, 0.2, -0.3]) == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_exact_equals_scipy(seed: int) -> None:
    differences = np.random.default_rng(seed).normal(0.3, 1.0, size=12)
    assert sign_flip_p(differences) == pytest.approx(scipy_p(differences, np.inf))


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.2])
def test_sampled_is_near_scipy(shift: float) -> None:
    differences = np.random.default_rng(4).normal(shift, 1.0, size=150)
    ours = sign_flip_p(differences, permutations=40_000)
    assert ours == pytest.approx(scipy_p(differences, 40_000), abs=0.012)


def test_sampled_p_is_never_zero() -> None:
    assert sign_flip_p(np.ones(100), permutations=999) == 1 / 1000


def test_columns_get_what_they_get_alone() -> None:
    columns = np.random.default_rng(0).normal(0.1, 1.0, size=(40, 3))
    columns[:30, 1] = 0
    together = sign_flip_ps(columns, permutations=500)
    assert list(together) == [sign_flip_p(columns[:, j], permutations=500) for j in range(3)]
