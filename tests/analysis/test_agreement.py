from __future__ import annotations

import math
from pathlib import Path

import pytest

from odqa.analysis.agreement import agreement, compare_run_files
from odqa.data.trec import write_run
from odqa.errors import DataError
from odqa.types import Hit

FIRST = {
    "q": [Hit("a", 3.0), Hit("b", 2.0), Hit("c", 1.0)],
    "r": [Hit("a", 5.0), Hit("b", 4.0)],
    "alone": [Hit("a", 1.0)],
}
SECOND = {
    # The last two have changed places: Spearman is 1 - 6 · 2 / (3 · 8) = 0.5.
    "q": [Hit("a", 3.1), Hit("c", 1.5), Hit("b", 1.25)],
    "r": [Hit("a", 5.0), Hit("b", 4.5)],
    "alone": [Hit("a", 9.0)],
}


def test_two_rankings_by_hand() -> None:
    result = agreement(FIRST, SECOND)
    assert (result.questions, result.same_first, result.same_order) == (2, 1.0, 0.5)
    assert (result.correlation, result.least) == pytest.approx((0.75, 0.5))
    assert (result.furthest, result.spread) == pytest.approx((0.75, 1.5))


def test_equal_scores_have_no_rank_correlation() -> None:
    tied = {"q": [Hit("a", 1.0), Hit("b", 1.0), Hit("c", 1.0)], "r": FIRST["r"]}
    result = agreement(tied, SECOND)
    assert result.questions == 2
    assert (result.correlation, result.least) == pytest.approx((1.0, 1.0))
    only = agreement({"q": tied["q"]}, SECOND)
    assert math.isnan(only.correlation) and only.spread == 0.0


def test_run_files_are_compared_and_named_in_errors(tmp_path: Path) -> None:
    first, second = tmp_path / "one.run", tmp_path / "other.run"
    write_run(first, FIRST, "a")
    write_run(second, SECOND, "b")
    assert str(compare_run_files(first, second)).startswith("2 questions: rank correlation 0.7500")
    write_run(second, {"q": [Hit("b", 1.0)]}, "b")
    with pytest.raises(DataError) as caught:
        compare_run_files(first, second)
    assert caught.value.line() == (
        f"{first}, {second}: question 'q' has other passages in the two runs; "
        "pass two rankings of the same candidates"
    )


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(DataError, match="no question in common"):
        agreement({"q": [Hit("a", 1.0)]}, {"r": [Hit("a", 1.0)]})
    with pytest.raises(DataError, match="two passages or more"):
        agreement({"q": [Hit("a", 1.0)]}, {"q": [Hit("a", 1.0)]})
