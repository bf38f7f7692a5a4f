from __future__ import annotations

import numpy as np
import pytest

from odqa.metrics.statistics.resampling import blocks


def test_bootstrap_rows_hold_n_draws() -> None:
    rows = np.concatenate(list(blocks("bootstrap", 7, 100, seed=0)))
    assert rows.shape == (100, 7)
    assert set(rows.sum(axis=1)) == {7}


def test_signs_are_fair() -> None:
    rows = np.concatenate(list(blocks("signs", 50, 2000, seed=0)))
    assert set(np.unique(rows)) == {0, 1}
    assert rows.mean() == pytest.approx(0.5, abs=0.01)


def test_blocks_differ_and_repeat() -> None:
    # 4,000 columns: a block holds 1,000 rows.
    first, second, third = blocks("signs", 4000, 2500, seed=9)
    assert (len(first), len(second), len(third)) == (1000, 1000, 500)
    assert (first[:500] != third).any()
    again = next(blocks("signs", 4000, 2500, seed=9))
    assert (again == first).all()
    assert (next(blocks("signs", 4000, 2500, seed=10)) != first).any()
