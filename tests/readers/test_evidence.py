from __future__ import annotations

import pytest

from odqa.readers.evidence import with_evidence
from odqa.types import Passage

PASSAGES = [
    Passage("a", "Nothing of it here, but a Manuscript."),
    Passage("b", "It was held in Tbilisi, Georgia (U.S.A.) in 2017.", "Man"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tbilisi , georgia", ("Tbilisi, Georgia", "b")),
        ("Tbilisi", ("Tbilisi", "b")),
        ("u. s. a.", ("U.S.A.", "b")),
        # Not inside of a word, and not in a title.
        ("man", ("man", None)),
        ("201", ("201", None)),
        ("", ("", None)),
        (" ", (" ", None)),
        ("(u", ("(U", "b")),
    ],
)
def test_it_is_spelled_as_in_the_first_passage_that_has_it(
    text: str, expected: tuple[str, str | None]
) -> None:
    answer = with_evidence(text, -1.5, PASSAGES)
    assert answer.passage_id == expected[1]
    assert answer.score == -1.5
    if answer.passage_id:
        passage = next(p for p in PASSAGES if p.id == answer.passage_id)
        assert passage.text[answer.start : answer.end] == answer.text == expected[0]
    else:
        assert answer.text == text
        assert answer.start is None
