from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from odqa.metrics.statistics.power import power_of, questions_needed, smallest_effect


@pytest.mark.parametrize("effect", [0.05, 0.1, 0.2, -0.5, 1.0])
def test_equals_statsmodels(effect: float) -> None:
    power = pytest.importorskip("statsmodels.stats.power")
    peer = power.TTestPower().solve_power(effect_size=abs(effect), alpha=0.05, power=0.8)
    assert questions_needed(effect) == math.ceil(peer)


@pytest.mark.parametrize("questions", [3, 5, 34, 150, 500, 3610, 120_000])
def test_smallest_effect_equals_statsmodels(questions: int) -> None:
    power = pytest.importorskip("statsmodels.stats.power")
    peer = power.TTestPower().solve_power(nobs=questions, alpha=0.05, power=0.8)
    assert smallest_effect(questions) == pytest.approx(float(peer), rel=1e-4)


@pytest.mark.parametrize("questions", [3, 10, 199, 1000])
def test_the_smallest_effect_needs_just_these_questions(questions: int) -> None:
    effect = smallest_effect(questions)
    assert effect is not None
    assert questions_needed(effect * (1 + 1e-6)) == questions
    assert smallest_effect(1) is smallest_effect(2) is None


def test_medium_effect_takes_34_questions() -> None:
    # The textbook value for dz = 0.5, power 0.8, two-sided 0.05 (Cohen 1988).
    assert questions_needed(0.5) == 34


def test_simulation_finds_the_promised_power() -> None:
    needed = questions_needed(0.3)
    assert needed is not None
    samples = np.random.default_rng(0).normal(0.3, 1.0, size=(needed, 4000))
    assert np.mean(ttest_1samp(samples, 0).pvalue < 0.05) == pytest.approx(0.8, abs=0.02)


def test_small_effects_take_many_and_none_takes_forever() -> None:
    # (1.96 + 0.8416)^2 / dz^2 for large samples.
    assert questions_needed(0.001) == pytest.approx(7.849e6, rel=1e-3)
    assert questions_needed(1e-9) is None
    assert questions_needed(0.0) is None
    assert questions_needed(math.nan) is None
    assert questions_needed(math.inf) == 2


def test_power_is_continuous_where_the_formula_changes() -> None:
    effect = 0.0088
    assert power_of(effect, 100_001) == pytest.approx(power_of(effect, 100_003), abs=1e-4)
