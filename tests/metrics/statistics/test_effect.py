from __future__ import annotations

import math

import pytest

from odqa.metrics.statistics.effect import WinTieLoss, cohens_dz, win_tie_loss


def test_win_tie_loss() -> None:
    assert win_tie_loss([0.5, 0.0, -1.0, 1.0, 0.0, 0.1]) == WinTieLoss(3, 2, 1)
    assert win_tie_loss([]) == WinTieLoss(0, 0, 0)


def test_cohens_dz_by_hand() -> None:
    # Mean 2, squared deviations 1 + 0 + 1 over n - 1 = 2: standard deviation 1.
    assert cohens_dz([1.0, 2.0, 3.0]) == pytest.approx(2.0)
    assert cohens_dz([-1.0, -2.0, -3.0]) == pytest.approx(-2.0)


def test_cohens_dz_without_spread() -> None:
    assert cohens_dz([0.0, 0.0]) == 0.0
    assert cohens_dz([0.1, 0.1, 0.1]) == math.inf
    assert cohens_dz([-1.0, -1.0]) == -math.inf
    assert math.isnan(cohens_dz([1.0]))
