from __future__ import annotations

from odqa.metrics.tokens import simple_tokens


def test_words_numbers_and_single_symbols() -> None:
    assert simple_tokens("$1,200.5 in U.S. (debt)") == [
        *("$", "1", ",", "200", ".", "5", "in", "u", ".", "s", ".", "(", "debt", ")")
    ]


def test_marks_stay_with_their_letter_after_decomposition() -> None:
    assert simple_tokens("Café") == ["cafe\u0301"]
    assert simple_tokens("Café") == simple_tokens("CAFE\u0301")


def test_separators_and_controls_are_dropped() -> None:
    assert simple_tokens("a\u00a0b\u200bc\u2028d\x00e\n") == ["a", "b", "c", "d", "e"]


def test_lower_case_is_taken_token_by_token() -> None:
    # In one piece, the first sigma of "ΑΣ'ΑΣ" would not be final.
    assert simple_tokens("ΑΣ'ΑΣ") == ["ας", "'", "ας"]
