from __future__ import annotations

import numpy as np
import pytest

from odqa.errors import RunError
from odqa.metrics.rows import MetricRow
from odqa.metrics.statistics.bootstrap import mean_interval
from odqa.metrics.statistics.effect import WinTieLoss
from odqa.metrics.statistics.pairs import as_family, compare_pairs
from odqa.metrics.statistics.permutation import sign_flip_p


def rows(metric: str = "em", **pipelines: list[float]) -> list[MetricRow]:
    return [
        MetricRow(name.replace("_", "-"), f"q{i}", metric, value)
        for name, values in pipelines.items()
        for i, value in enumerate(values)
    ]


def test_exact_match_by_hand() -> None:
    base = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    better = [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    (comparison,) = compare_pairs(rows(base=base, better=better), "base", "em")
    assert (comparison.baseline, comparison.candidate, comparison.metric) == (
        "base",
        "better",
        "em",
    )
    assert comparison.questions == 8
    assert (comparison.baseline_mean, comparison.candidate_mean) == (2 / 8, 5 / 8)
    assert comparison.difference == 3 / 8
    assert comparison.counts == WinTieLoss(4, 3, 1)
    assert comparison.test == "McNemar mid-p"
    assert comparison.p_value == comparison.p_corrected == pytest.approx(7 / 32)
    # Differences: mean 0.375, sum of squares 5, n - 1 = 7.
    assert comparison.effect_size == pytest.approx(0.375 / np.sqrt((5 - 8 * 0.375**2) / 7))
    assert comparison.interval == mean_interval(np.subtract(better, base))
    assert comparison.questions_needed is not None
    # dz of 1.157 shows with 80 % power over 8 questions (G*Power, statsmodels); the deviation of
    # the differences is above.
    assert comparison.detectable == pytest.approx(1.157 * np.sqrt((5 - 8 * 0.375**2) / 7), abs=1e-3)


def test_graded_values_are_permuted() -> None:
    random = np.random.default_rng(0)
    base, other = random.random(60), random.random(60)
    (comparison,) = compare_pairs(rows("f1", base=list(base), other=list(other)), "base", "f1")
    assert comparison.test == "sign-flip permutation"
    assert comparison.p_value == sign_flip_p(other - base)


def test_family_is_every_pipeline_but_the_baseline() -> None:
    base = [0.0] * 20
    a, b = [1.0] * 8 + base[8:], [1.0] * 2 + base[2:]
    data = rows(a=a, base=base, b=b, same=base) + rows("f1", base=base)
    first, second, third = compare_pairs(data, "base", "em")
    assert [comparison.candidate for comparison in (first, second, third)] == ["a", "b", "same"]
    assert first.p_corrected == pytest.approx(3 * first.p_value)
    assert second.p_corrected == pytest.approx(2 * second.p_value)
    assert third.p_value == third.p_corrected == 1.0
    assert third.questions_needed is third.detectable is None
    assert third.interval == (0.0, 0.0)
    wider = as_family([first, second, third, first])
    assert wider[0].p_corrected == pytest.approx(4 * first.p_value)


def test_questions_pair_by_id_and_the_rest_is_counted() -> None:
    data = rows(base=[1.0, 0.0, 1.0], other=[1.0, 1.0])
    shuffled = [data[i] for i in (4, 2, 0, 3, 1)]
    (comparison,) = compare_pairs(shuffled, "base", "em")
    assert (comparison.questions, comparison.unpaired, comparison.difference) == (2, 1, 0.5)


def test_impossible_comparisons() -> None:
    with pytest.raises(RunError, match=r"baseline 'bse' has no values of 'em'.*'base'"):
        compare_pairs(rows(base=[1.0]), "bse", "em")
    apart = [MetricRow("a", "q1", "em", 1.0), MetricRow("b", "q2", "em", 1.0)]
    with pytest.raises(RunError, match="no question with 'em' in common"):
        compare_pairs(apart, "a", "em")
    assert compare_pairs(rows(base=[1.0]), "base", "em") == []


def test_one_question() -> None:
    (comparison,) = compare_pairs(rows(base=[0.0], other=[1.0]), "base", "em")
    assert (comparison.difference, comparison.questions_needed) == (1.0, None)
    assert comparison.p_value == pytest.approx(0.5)
