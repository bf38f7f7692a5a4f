"""Which questions are right in which pipelines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from odqa.comparison.result import Comparison
from odqa.errors import RunError
from odqa.metrics.rows import MetricRow
from odqa.testing.synthetic import synthetic_comparison

#: By question: 0 all, 1 the first two, 2 the first alone, 3 the third alone, 4 none.
RIGHT = ("11100", "11000", "10010")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    whole = synthetic_comparison(5, 3)
    rows = tuple(
        MetricRow(name, question.id, "em", float(value))
        for name, values in zip(whole.pipelines, RIGHT, strict=True)
        for question, value in zip(whole.questions, values, strict=True)
    )
    return replace(whole, rows=rows)


def test_counted_by_hand(comparison: Comparison) -> None:
    a, b, c = comparison.pipelines
    ids = [question.id for question in comparison.questions]
    overlap = comparison.overlap()
    assert overlap.metric == "em"
    assert (overlap.any_right, overlap.all_right) == (4 / 5, 1 / 5)
    assert (overlap.only(a), overlap.only(b), overlap.only(c)) == ([ids[2]], [], [ids[3]])
    frame = overlap.frame()
    assert list(frame["em"]) == [3 / 5, 2 / 5, 2 / 5]
    assert list(frame["only this"]) == [1, 0, 1]
    assert list(frame["all but this"]) == [0, 0, 1]
    assert str(overlap) == "em, 5 questions: any pipeline right 0.800, all right 0.200"
    assert "any pipeline right 0.800" in overlap._repr_html_()


def test_agreement_is_kappa(comparison: Comparison) -> None:
    a, b, c = comparison.pipelines
    agreement = comparison.overlap().agreement()
    # a and b agree on 4 of 5; by chance 3/5 * 2/5 + 2/5 * 3/5 = 12/25.
    assert (
        agreement.loc[a, b] == agreement.loc[b, a] == pytest.approx((4 / 5 - 12 / 25) / (13 / 25))
    )
    # a and c agree on questions 0 and 4.
    assert agreement.loc[a, c] == pytest.approx((2 / 5 - 12 / 25) / (13 / 25))
    assert agreement.loc[a, a] == 1.0


def test_a_question_needs_a_value_in_every_pipeline(comparison: Comparison) -> None:
    a, *_ = comparison.pipelines
    first = comparison.questions[0].id
    rows = tuple(r for r in comparison.rows if (r.pipeline, r.question_id) != (a, first))
    assert first not in replace(comparison, rows=rows).overlap("em").counts
    with pytest.raises(RunError, match="no question has 'f1' in all pipelines"):
        comparison.overlap("f1")
