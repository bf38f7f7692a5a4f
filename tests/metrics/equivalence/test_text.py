"""Tokens that can be compared."""

from __future__ import annotations

import pytest

from odqa.metrics.equivalence.text import content, holds_in_order, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2,579 steps", ("2579", "step")),
        ("2, 579", ("2579",)),
        ("March 8, 2018", ("march", "8", "2018")),
        ("3. 97 degrees", ("3.97", "degree")),
        ("63.0", ("63",)),
        ("67.0.3396", ("67.0.3396",)),
        ("the sixteenth", ("the", "16")),
        ("16th century", ("16", "century")),
        ("ninety cities", ("90", "city")),
        ("Adam's glasses", ("adam", "glasse")),
        ("Javier Fernández", ("javier", "fernandez")),
        ("Beyoncé — 50 %", ("beyonce", "50")),
        ("", ()),
        ("%", ()),
    ],
)
def test_tokens(text: str, expected: tuple[str, ...]) -> None:
    assert tokens(text) == expected


def test_utf_8_that_was_read_as_windows_text_is_repaired() -> None:
    assert tokens("JosÃ© Garcia") == tokens("José Garcia")
    assert tokens("10â€“12 years") == ("10", "12", "year")
    # A word that only looks like it stays: it is no UTF-8.
    assert tokens("Â side") == ("a", "side")


def test_content_leaves_out_words_without_an_answer() -> None:
    assert content(tokens("in about the year 1900")) == ("year", "1900")
    assert content(tokens("The Who")) == ()


def test_a_part_stands_in_one_piece() -> None:
    assert holds_in_order(("a", "b", "c"), ("b", "c"))
    assert not holds_in_order(("a", "b", "c"), ("a", "c"))
    assert not holds_in_order(("a",), ("a", "b"))
    assert not holds_in_order(("a",), ())
