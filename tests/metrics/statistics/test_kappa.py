from __future__ import annotations

import math

import pytest

from odqa.metrics.statistics.kappa import cohens_kappa


def test_by_hand() -> None:
    # Agree on 3 of 4; by chance 1/2 * 3/4 + 1/2 * 1/4 = 1/2.
    assert cohens_kappa([True, True, False, False], [True, True, True, False]) == pytest.approx(0.5)
    assert cohens_kappa([True, False], [True, False]) == 1.0
    assert cohens_kappa([True, False], [False, True]) == -1.0
    assert math.isnan(cohens_kappa([True, True], [True, True]))


def test_without_items_there_is_none() -> None:
    with pytest.raises(ValueError, match="0 and 0 verdicts"):
        cohens_kappa([], [])
    with pytest.raises(ValueError, match="1 and 2 verdicts"):
        cohens_kappa([True], [True, False])
