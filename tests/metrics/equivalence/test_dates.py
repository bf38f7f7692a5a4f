"""Dates, whole or in part."""

from __future__ import annotations

import pytest

from odqa.metrics.equivalence.dates import Date, dates_in, is_date, same_date


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("July 4, 1960", [Date(1960, 7, 4)]),
        ("4 July 1960", [Date(1960, 7, 4)]),
        ("the 4th of July 1960", [Date(1960, 7, 4)]),
        ("July 4 , 1960", [Date(1960, 7, 4)]),
        ("Sept. 1995", [Date(1995, 9, None)]),
        ("July 4th", [Date(None, 7, 4)]),
        ("1960", [Date(1960)]),
        ("from 1914 to 1918", [Date(1914), Date(1918)]),
        ("May 1984", [Date(1984, 5)]),
        ("she may march on", []),
        ("2,579 steps", []),
        ("in 476", []),
    ],
)
def test_dates_of_a_text(text: str, expected: list[Date]) -> None:
    assert list(dates_in(text)) == expected


@pytest.mark.parametrize(
    ("given", "accepted", "agrees"),
    [
        (Date(1960, 7, 4), Date(1960), True),
        (Date(1960), Date(1960, 7, 4), True),
        (Date(1960, 7, 4), Date(1960, 7, 4), True),
        (Date(1960, 7, 4), Date(1960, 7), True),
        (Date(None, 7, 4), Date(None, 7, 4), True),
        (Date(1961), Date(1960), False),
        (Date(1960, 8), Date(1960, 7, 4), False),
        (Date(1960, 7, 5), Date(1960, 7, 4), False),
        # The day alone does not say which year.
        (Date(None, 7, 4), Date(1960, 7, 4), False),
        (Date(), Date(), False),
    ],
)
def test_partial_dates(given: Date, accepted: Date, agrees: bool) -> None:
    assert given.agrees_with(accepted) is agrees


def test_what_counts_as_a_date() -> None:
    assert is_date("late 1968")
    assert is_date("in July 1960")
    assert not is_date("the 1960 Summer Olympics in Rome")
    assert not is_date("twelve")


def test_same_date() -> None:
    assert same_date("It opened on 1 September 1995.", "September 1995") is True
    assert same_date("20 April 2018", "15 January 2018") is False
    # No date on one side: others decide.
    assert same_date("in spring", "1995") is None
    assert same_date("1995", "spring") is None


def test_a_year_of_the_question_is_no_answer() -> None:
    season = dates_in("when does the 2017 season end")
    assert (
        same_date("The 2017 season ends on January 8, 2018.", "December 9, 2017", season) is False
    )
    assert same_date("the 2017 season", "December 9, 2017", season) is None
