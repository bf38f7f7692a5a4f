from __future__ import annotations

import pytest

from odqa.comparison.result import Comparison
from odqa.errors import SpecError
from odqa.metrics.attribution import outcomes
from odqa.testing.synthetic import synthetic_comparison
from odqa.tracing import TracePolicy


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return synthetic_comparison(30, 2)


def _answered(comparison: Comparison) -> list[tuple[str, set[bool]]]:
    by_question = outcomes(comparison.rows).values()
    return [(q.id, {f[q.id] == "answered" for f in by_question}) for q in comparison.questions]


def test_policies_choose_questions(comparison: Comparison) -> None:
    def chosen(text: str) -> list[str]:
        return TracePolicy.parse(text).questions(comparison)

    ids = [question.id for question in comparison.questions]
    assert chosen("all") == ids and chosen("none") == [] and chosen("sample: 0") == []
    assert chosen("sample: 3") == ["syn-0000", "syn-0010", "syn-0020"]
    assert chosen("sample:99") == ids
    answered = _answered(comparison)
    assert chosen("failures") == [q for q, flags in answered if False in flags]
    assert chosen("disagreements") == [q for q, flags in answered if len(flags) == 2]
    assert 0 < len(chosen("disagreements")) < len(chosen("failures")) < 30


@pytest.mark.parametrize("text", ["", "some", "sample", "sample: x", "sample: -1", "all: 3"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"traces: no trace policy.*sample: N"):
        TracePolicy.parse(text)
