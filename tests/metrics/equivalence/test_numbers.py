"""Numbers, ranges and bounds."""

from __future__ import annotations

import pytest

from odqa.metrics.equivalence.numbers import same_number
from odqa.metrics.equivalence.text import tokens


@pytest.mark.parametrize(
    ("prediction", "accepted", "same"),
    [
        ("It has fourteen seasons.", "14", True),
        ("1,776", "1776 steps", True),
        ("5 litres", "approximately 5 litres", True),
        ("6 litres", "approximately 5 litres", False),
        ("11.5 years", "10-12 years", True),
        ("10 to 12 years", "10\u201312 years", True),
        ("13 years", "10-12 years", False),
        ("83", "more than 80", True),
        ("79", "more than 80", False),
        ("914", "more than 80", False),
        ("26.0.1631", "67.0.3396", False),
        ("none", "14", False),
        ("14", "Louis 14 of France", None),
        ("14", "many", None),
    ],
)
def test_same_number(prediction: str, accepted: str, same: bool | None) -> None:
    assert same_number(prediction, accepted) is same


def test_a_number_of_the_question_is_no_answer() -> None:
    question = tokens("how many of the 12 jurors agreed")
    assert same_number("12 jurors", "12", question) is False
    assert same_number("10 of 12", "10", question) is True
