"""Names of people."""

from __future__ import annotations

import pytest

from odqa.metrics.equivalence.names import asks_for_person, is_name, same_name


@pytest.mark.parametrize(
    ("prediction", "accepted", "same"),
    [
        ("Ada Lovelace", "Ada King, Countess of Lovelace", True),
        ("Ludwig van Beethoven", "L. v. Beethoven", True),
        ("Beethoven", "Ludwig van Beethoven", True),
        ("General George Washington", "George Washington", True),
        ("Dr. J. R. Tolkien", "John Ronald Tolkien", True),
        ("Washington", "Martha Washington", True),
        ("Michael Jackson", "Jermaine Jackson", False),
        ("George Bush", "George Washington", False),
        ("nobody", "George Washington", False),
    ],
)
def test_same_name(prediction: str, accepted: str, same: bool) -> None:
    assert same_name(prediction, accepted) is same


def test_a_name_has_capitals() -> None:
    assert is_name("Charlotte of Mecklenburg-Strelitz")
    assert not is_name("Charlotte")
    assert not is_name("state legislatures")
    assert not is_name("Unlimited terms")


def test_questions_for_people() -> None:
    assert asks_for_person("Who wrote Emma?")
    assert not asks_for_person("when was Emma written")
