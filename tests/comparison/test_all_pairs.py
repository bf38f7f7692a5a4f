"""Every pipeline against every other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from odqa.comparison.all_pairs import all_pairs
from odqa.comparison.quality import LETTERS_UP_TO, quality_columns
from odqa.comparison.result import Comparison
from odqa.errors import RunError
from odqa.metrics.rows import MetricRow
from odqa.metrics.statistics.bootstrap import mean_interval
from odqa.metrics.statistics.mcnemar import mcnemar_mid_p
from odqa.metrics.statistics.pairs import compare_all, paired_test
from odqa.report.sections.pairs import pairs_table
from odqa.testing.synthetic import synthetic_comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    """Three pipelines over 40 questions: a has 30 right, b 28 of them, c 10 of those."""
    whole = synthetic_comparison(40, 3)
    right = dict(zip(whole.pipelines, (30, 28, 10), strict=True))
    rows = tuple(
        MetricRow(name, question.id, "em", float(position < n))
        for name, n in right.items()
        for position, question in enumerate(whole.questions)
    )
    return replace(whole, rows=rows)


def test_tests_letters_and_matrix_by_hand(comparison: Comparison) -> None:
    a, b, c = comparison.pipelines
    result = comparison.pairs("em")
    assert dict(result.means) == {a: 30 / 40, b: 28 / 40, c: 10 / 40}
    raw = {
        frozenset((test.baseline, test.candidate)): (test.p_value, test.p_corrected)
        for test in result.tests
    }
    # a has two right that b has not, and so on; Holm over three.
    ab, ac, bc = mcnemar_mid_p(2, 0), mcnemar_mid_p(20, 0), mcnemar_mid_p(18, 0)
    assert raw[frozenset((a, c))] == (pytest.approx(ac), pytest.approx(3 * ac))
    assert raw[frozenset((b, c))] == (pytest.approx(bc), pytest.approx(2 * bc))
    assert raw[frozenset((a, b))] == (pytest.approx(ab), pytest.approx(ab))
    assert dict(result.letters) == {a: "a", b: "a", c: "b"}
    matrix = result.matrix()
    assert matrix.loc[a, b].startswith("+0.050 [") and not matrix.loc[a, b].endswith("*")
    assert matrix.loc[c, a].startswith("-0.500 [-") and matrix.loc[c, a].endswith("]*")
    assert matrix.loc[a, a] == ""


def test_the_frame_has_the_better_first(comparison: Comparison) -> None:
    a, b, c = comparison.pipelines
    frame = comparison.pairs("em").frame()
    assert list(zip(frame["better"], frame["worse"], strict=True)) == [(a, b), (a, c), (b, c)]
    assert list(frame["difference"]) == pytest.approx([0.05, 0.5, 0.45])
    assert (frame["low"] <= frame["difference"]).all()
    assert (frame["difference"] <= frame["high"]).all()


def test_html_says_what_it_shows(comparison: Comparison) -> None:
    html = comparison.pairs("em")._repr_html_()
    assert "row minus column" in html and "(b)" in html


def test_a_pair_needs_two(comparison: Comparison) -> None:
    first = next(iter(comparison.pipelines))
    rows = tuple(row for row in comparison.rows if row.pipeline == first)
    with pytest.raises(RunError, match="'em' was measured of 1 pipelines"):
        all_pairs(replace(comparison, rows=rows), "em")
    with pytest.raises(RunError, match=f"no test of '{first}' against 'x'"):
        comparison.pairs("em").test(first, "x")


def test_more_pipelines_than_letters_can_tell_apart_have_none() -> None:
    whole = synthetic_comparison(6, 1)
    (result,) = whole.pipelines.values()
    names = [f"p{n}" for n in range(LETTERS_UP_TO + 1)]
    rows = tuple(
        MetricRow(name, question.id, "em", float((n + position) % 3 == 0))
        for n, name in enumerate(names)
        for position, question in enumerate(whole.questions)
    )
    pipelines = {name: replace(result, spec=replace(result.spec, name=name)) for name in names}
    many = replace(whole, pipelines=pipelines, rows=rows, baseline="p0")
    (column,) = quality_columns(many, ["em"])
    assert not column.letters and pairs_table(many) is None
    fewer = {name: pipelines[name] for name in names[:-1]}
    few = replace(many, pipelines=fewer, rows=tuple(row for row in rows if row.pipeline in fewer))
    (column,) = quality_columns(few, ["em"])
    assert set(column.letters) == set(fewer) and pairs_table(few) is not None


def test_pairs_over_other_numbers_of_questions_are_tested_by_themselves() -> None:
    """Those over equally many questions are resampled together, and come out as alone."""
    values = {
        "a": {f"q{n}": n / 10 for n in range(10)},
        "b": {f"q{n}": (9 - n) / 10 for n in range(10)},
        "c": {f"q{n}": n % 2 for n in range(4)},
        "d": {f"q{n}": (n + 1) % 2 for n in range(4)},
    }
    rows = [MetricRow(p, q, "m", float(v)) for p, by in values.items() for q, v in by.items()]
    for test in compare_all(rows, "m"):
        ours, theirs = values[test.candidate], values[test.baseline]
        pairs = np.array([[theirs[q], ours[q]] for q in theirs if q in ours], dtype=float)
        low, high = mean_interval(pairs[:, 1] - pairs[:, 0])
        assert test.interval == pytest.approx((low, high), abs=1e-12)
        assert (test.test, test.p_value) == paired_test(pairs)
        assert test.questions == len(pairs)
