"""Verdicts on answers."""

from __future__ import annotations

import pytest

from odqa.metrics.equivalence.rules import contains, equivalent, token_recall


@pytest.mark.parametrize(
    ("prediction", "gold", "question"),
    [
        ("the Eiffel Tower", "Eiffel tower", "what is the tallest building of Paris"),
        ("rock'n'roll", "Rock 'n' Roll", "which music"),
        ("It opened on July 4, 1960.", "1960", "when did it open"),
        ("The CN Tower has 2,579 steps.", "2579", "how many steps does the cn tower have"),
        ("Department of Motor Vehicles", "DMV", "where do I get a licence"),
        ("the BBC", "British Broadcasting Corporation", "who made it"),
        ("Nixon", "President Richard Nixon", "which president signed it"),
        ("Kirsten Vangsness", "Kirsten Simone Vangsness", "who plays garcia"),
        ("B. R. Ambedkar", "Bhimrao Ramji Ambedkar", "who drafted it"),
        ("austin, texas", "Austin", "where was it filmed"),
        ("sharecroppers", "Sharecropping", "what is it called to farm for a share"),
        ("To collect fluid and prevent leaks.", "to collect fluid", "what is it for"),
        ("%", "%", "which sign"),
        ("The Who", "the who", "which band"),
        ("the", "The", "which word is most frequent"),
    ],
)
def test_the_same(prediction: str, gold: str, question: str) -> None:
    assert equivalent(prediction, ["something else", gold], question) == 1.0


@pytest.mark.parametrize(
    ("prediction", "gold", "question"),
    [
        ("Berlin", "Paris", "where is it"),
        ("18 January 1850", "18 January 1788", "when did they arrive"),
        ("Emmitt Smith", "Timmy Smith", "who ran furthest"),
        ("group", "group 1", "where do they stand in the table"),
        ("4.5 degrees", "3.99 degrees", "what is its angle"),
        # What the question says already is no answer.
        ("the Bay Area", "Chicago metropolitan area", "in which area did it happen"),
        ("james river", "Kanawha River", "what river flows through charleston"),
        ("", "Paris", "where is it"),
        ("?", "%", "which sign"),
    ],
)
def test_not_the_same(prediction: str, gold: str, question: str) -> None:
    assert equivalent(prediction, [gold], question) == 0.0


def test_nothing_is_right_without_accepted_answers() -> None:
    assert equivalent("Paris", [], "where") == contains("Paris", []) == token_recall("x", []) == 0.0


def test_contains() -> None:
    assert contains("It was Paris, of course.", ["Rome", "paris"]) == 1.0
    assert contains("It was in Parisian style.", ["Paris"]) == 0.0
    # An accepted answer without content must be all of the prediction.
    assert contains("The Who", ["the who"]) == 1.0
    assert contains("Those who know", ["who"]) == 0.0
    assert contains("", ["Paris"]) == contains("Paris", [""]) == 0.0


def test_token_recall() -> None:
    assert token_recall("the red house", ["a red barn", "red blue green white"]) == pytest.approx(
        1 / 3
    )
    assert token_recall("red red", ["red red red"]) == pytest.approx(2 / 3)
    assert token_recall("anything", ["", "%"]) == 0.0
