from __future__ import annotations

import math

import numpy as np
import pytest

from odqa.metrics.statistics.holm import holm


def test_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.04 times 3, 2, 1.
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])


def test_later_values_never_fall_below_earlier_ones_or_above_one() -> None:
    assert holm([0.02, 0.021, 0.9]) == pytest.approx([0.06, 0.06, 0.9])
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_equals_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p_values = np.random.default_rng(0).random(50) ** 3
    assert holm(list(p_values)) == pytest.approx(
        list(multitest.multipletests(p_values, method="holm")[1])
    )


def test_empty_and_single() -> None:
    assert holm([]) == []
    assert holm([0.3]) == [0.3]


@pytest.mark.parametrize("bad", [math.nan, -0.1, 1.1])
def test_what_is_no_p_value_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not a p-value"):
        holm([0.01, bad])
