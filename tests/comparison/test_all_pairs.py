"""Every pipeline against every other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from odqa.comparison.all_pairs import all_pairs
from odqa.comparison.result import Comparison
from odqa.errors import RunError
from odqa.metrics.rows import MetricRow
from odqa.metrics.statistics.mcnemar import mcnemar_mid_p
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
