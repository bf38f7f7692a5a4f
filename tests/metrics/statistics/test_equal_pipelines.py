"""Equal pipelines: tests must reject as often as their level, no more and no less."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from odqa.metrics.statistics.bootstrap import mean_intervals
from odqa.metrics.statistics.mcnemar import mcnemar_mid_p
from odqa.metrics.statistics.permutation import sign_flip_ps

COMPARISONS = 2_000
QUESTIONS = 300


def answered(random: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Right or wrong for two equal pipelines [QUESTIONS, COMPARISONS].

    Both find the same questions hard; about 100 of 300 are answered by only one of them.
    """
    ease = 1.5 * random.normal(size=(QUESTIONS, COMPARISONS)) - 0.5
    chance = 1 / (1 + np.exp(-ease))
    return random.random(chance.shape) < chance, random.random(chance.shape) < chance


def overlap(random: np.random.Generator, right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """F1: 1 where right; else 0 for a part and a ratio of small numbers for the rest."""
    partial = 2 * random.integers(1, 5, right.shape) / random.integers(9, 14, right.shape)
    missed = random.random(right.shape) < 0.4
    return np.where(right, 1.0, np.where(missed, 0.0, partial))


def test_mid_p_mcnemar_on_exact_match() -> None:
    first, second = answered(np.random.default_rng(0))
    fixed, broken = (second & ~first).sum(axis=0), (first & ~second).sum(axis=0)
    p = [mcnemar_mid_p(int(f), int(b)) for f, b in zip(fixed, broken, strict=True)]
    assert 0.04 <= np.mean(np.array(p) <= 0.05) <= 0.06


def test_sign_flips_on_f1() -> None:
    random = np.random.default_rng(0)
    first, second = answered(random)
    differences = overlap(random, second) - overlap(random, first)
    p = sign_flip_ps(differences)
    for level, spread in ((0.05, 0.01), (0.5, 0.03)):
        assert np.mean(p <= level) == pytest.approx(level, abs=spread)


def test_intervals_of_differences_leave_out_zero_as_often_as_they_should() -> None:
    random = np.random.default_rng(0)
    first, second = answered(random)
    differences = overlap(random, second) - overlap(random, first)
    low, high = np.array(mean_intervals(differences, resamples=2_000)).T
    assert 0.04 <= np.mean((low > 0) | (high < 0)) <= 0.06
