from __future__ import annotations

import pytest
from scipy.stats import binom, binomtest

from odqa.metrics.statistics.mcnemar import mcnemar_mid_p


def test_by_hand() -> None:
    # Five discordant questions, one fixed: P(0 or 1 of 5) = 6/32, doubled, less 5/32.
    assert mcnemar_mid_p(fixed=1, broken=4) == pytest.approx(7 / 32)


@pytest.mark.parametrize(("fixed", "broken"), [(0, 7), (12, 30), (30, 12), (200, 260)])
def test_is_the_binomial_test_less_the_outcome_itself(fixed: int, broken: int) -> None:
    exact = binomtest(fixed, fixed + broken, 0.5).pvalue
    outcome = binom.pmf(fixed, fixed + broken, 0.5)
    assert mcnemar_mid_p(fixed, broken) == pytest.approx(exact - outcome)


def test_equals_statsmodels() -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    exact = tables.mcnemar([[50, 9], [21, 20]], exact=True).pvalue
    assert mcnemar_mid_p(9, 21) == pytest.approx(exact - binom.pmf(9, 30, 0.5))


def test_no_discordant_question() -> None:
    assert mcnemar_mid_p(0, 0) == 1.0


@pytest.mark.parametrize("count", [1, 5])
def test_as_many_fixed_as_broken(count: int) -> None:
    # All outcomes are as extreme; half of the middle one is left out on each side of it.
    assert mcnemar_mid_p(count, count) == pytest.approx(1.0)
