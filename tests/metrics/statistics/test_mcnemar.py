from __future__ import annotations

import pytest
from scipy.stats import binomtest

from odqa.metrics.statistics.mcnemar import mcnemar


def test_by_hand() -> None:
    # Five discordant questions, one fixed: P(0 or 1 of 5) = 6/32, doubled; mid-p less 5/32.
    result = mcnemar(fixed=1, broken=4)
    assert result.exact == pytest.approx(12 / 32)
    assert result.mid_p == pytest.approx(7 / 32)


@pytest.mark.parametrize(("fixed", "broken"), [(0, 7), (12, 30), (30, 12), (200, 260), (5, 5)])
def test_exact_equals_the_binomial_test(fixed: int, broken: int) -> None:
    peer = binomtest(fixed, fixed + broken, 0.5).pvalue
    assert mcnemar(fixed, broken).exact == pytest.approx(peer)
    assert mcnemar(fixed, broken).mid_p <= peer


def test_exact_equals_statsmodels() -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    peer = tables.mcnemar([[50, 9], [21, 20]], exact=True).pvalue
    assert mcnemar(9, 21).exact == pytest.approx(peer)


def test_no_discordant_question() -> None:
    assert mcnemar(0, 0).exact == mcnemar(0, 0).mid_p == 1.0


def test_as_many_fixed_as_broken() -> None:
    # All outcomes are as extreme; half of the middle one is left out on each side of it.
    assert mcnemar(1, 1).exact == 1.0
    assert mcnemar(1, 1).mid_p == pytest.approx(1.0)
