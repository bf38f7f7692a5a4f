from __future__ import annotations

import pytest

from eval.agreement import agreement
from odqa.types import Hit


def test_two_rankings_by_hand() -> None:
    one = {
        "q": [Hit("a", 3.0), Hit("b", 2.0), Hit("c", 1.0)],
        "r": [Hit("a", 5.0), Hit("b", 4.0)],
        "alone": [Hit("a", 1.0)],
    }
    other = {
        # The last two have changed places: Spearman is 1 - 6 · 2 / (3 · 8) = 0.5.
        "q": [Hit("a", 3.1), Hit("c", 1.5), Hit("b", 1.25)],
        "r": [Hit("a", 5.0), Hit("b", 4.5)],
        "alone": [Hit("a", 9.0)],
    }
    found = agreement(one, other)
    assert (found.questions, found.same_first, found.same_order) == (2, 1.0, 0.5)
    assert (found.correlation, found.least) == pytest.approx((0.75, 0.5))
    assert (found.furthest, found.spread) == pytest.approx((0.75, 1.5))


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="'q' has other passages"):
        agreement({"q": [Hit("a", 1.0)]}, {"q": [Hit("b", 1.0)]})
    with pytest.raises(ValueError, match="no question in common"):
        agreement({"q": [Hit("a", 1.0)]}, {"r": [Hit("a", 1.0)]})
