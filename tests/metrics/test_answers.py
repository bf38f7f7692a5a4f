from __future__ import annotations

import pytest

from odqa.metrics.answers import (
    answer_figures,
    answer_length,
    best_exact_match,
    best_f1,
    best_pattern_match,
    exact_match,
    f1,
    normalise_answer,
    pattern_match,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Great Gatsby!", "great gatsby"),
        ("  an\tApple\n a day ", "apple day"),
        ("U.S.A.", "usa"),
        ("the-a", "thea"),
        ("anthem", "anthem"),
        ("Beyoncé’s", "beyoncé’s"),
        ("$1.06 trillion", "106 trillion"),
        ("The The", ""),
        ("", ""),
    ],
)
def test_normalise_answer(text: str, expected: str) -> None:
    assert normalise_answer(text) == expected


def test_exact_match_ignores_case_articles_and_punctuation() -> None:
    assert exact_match("the White House.", "White House") == 1.0
    assert exact_match("White House lawn", "White House") == 0.0


def test_f1_by_hand() -> None:
    # Predicted {big, red, dog}, gold {red, dog, barks, loudly}: precision 2/3, recall 2/4.
    assert f1("the big red dog", "red dog barks loudly") == pytest.approx(4 / 7)


def test_f1_counts_a_repeated_token_as_often_as_both_have_it() -> None:
    # Precision 2/3, recall 2/2.
    assert f1("boom boom boom", "boom boom") == pytest.approx(0.8)


def test_best_over_all_accepted_answers() -> None:
    golds = ("credited to Paracelsus", "Paracelsus")
    assert best_exact_match("paracelsus", golds) == 1.0
    assert best_f1("paracelsus himself", golds) == pytest.approx(2 / 3)
    assert best_exact_match("anything", ()) == 0.0
    assert best_f1("anything", ()) == 0.0


def test_answer_figures_by_hand() -> None:
    golds = [("Paris",), ("credited to Paracelsus", "Paracelsus"), ("1887",), ()]
    # Right; right in one of two tokens (precision 1/2, recall 1); no answer; nothing accepted.
    figures = answer_figures(["paris", "paracelsus himself", "", "anything"], golds)
    assert figures == pytest.approx({"EM": 1 / 4, "F1": (1 + 2 / 3) / 4})
    with pytest.raises(ValueError, match="argument 2 is longer"):
        answer_figures(["paris"], golds)


@pytest.mark.parametrize("gold", ["A", "The The", "%", "..."])
def test_a_gold_that_normalises_to_nothing_is_compared_as_written(gold: str) -> None:
    assert normalise_answer(gold) == ""
    assert exact_match(gold.lower(), gold) == f1(gold.lower(), gold) == 1.0
    for other in ("", "an", "!", "Paris"):
        assert exact_match(other, gold) == f1(other, gold) == 0.0


def test_an_empty_prediction_is_never_right() -> None:
    for gold in ("", " ", "Paris", "a"):
        assert exact_match("", gold) == f1("", gold) == 0.0


def test_answer_length_counts_words() -> None:
    assert answer_length(" 26 August  1887 ") == 3
    assert answer_length("") == 0


@pytest.mark.parametrize(
    ("prediction", "pattern", "expected"),
    [
        ("1887", r"18\d\d", 1.0),
        ("1887 or so", r"18\d\d", 1.0),
        ("in 1887", r"18\d\d", 0.0),
        ("MOUNT everest", r"(mt\.?|mount) everest", 1.0),
        ("", ".*", 0.0),
        ("(b", "(b", 0.0),
    ],
)
def test_patterns_match_from_the_first_character(
    prediction: str, pattern: str, expected: float
) -> None:
    assert pattern_match(prediction, pattern) == expected
    assert best_pattern_match(prediction, ["absent", pattern]) == expected
