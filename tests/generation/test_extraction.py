from __future__ import annotations

from typing import Any

import pytest

from odqa.generation.extraction import Extracted, ExtractionConfig, extract
from odqa.generation.templates import check_template, fill

REASONED = "It flows north. Answer: the Thames\nAnswer: the Seine\nSo it is."


@pytest.mark.parametrize(
    ("text", "keys", "expected"),
    [
        ("\n  Paris \nIt is a city.", {}, Extracted("Paris", "answer")),
        (" \n ", {}, Extracted("", "empty")),
        ("Unknown.", {}, Extracted("", "abstention")),
        ("I don’t know", {}, Extracted("", "abstention")),
        ("Unknown soldier", {}, Extracted("Unknown soldier", "answer")),
        ("unknown", {"abstain": ()}, Extracted("unknown", "answer")),
        (REASONED, {"extract": "after"}, Extracted("the Seine", "answer")),
        ("the Seine", {"extract": "after"}, Extracted("", "not found")),
        ("Answer: \n", {"extract": "after"}, Extracted("", "empty")),
        ("x Final: Y", {"extract": "after", "marker": "Final:"}, Extracted("Y", "answer")),
        (
            '{"answer": "the Seine"}',
            {"extract": "pattern", "pattern": r'"answer": "([^"]*)"'},
            Extracted("the Seine", "answer"),
        ),
        ("in 1066.", {"extract": "pattern", "pattern": r"\d{4}"}, Extracted("1066", "answer")),
        ("<think>\nParis?\n</think>\n\nRome\n", {}, Extracted("Rome", "answer")),
        ("never", {"extract": "pattern", "pattern": r"\d{4}"}, Extracted("", "not found")),
        ("a\n b  c", {"extract": "all"}, Extracted("a b c", "answer")),
    ],
)
def test_the_answer_stands_where_the_rule_says(
    text: str, keys: dict[str, Any], expected: Extracted
) -> None:
    assert extract(text, ExtractionConfig(**keys)) == expected


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"extract": "pattern"}, "pattern and extract: pattern go together"),
        ({"pattern": "x"}, "pattern and extract: pattern go together"),
        ({"extract": "pattern", "pattern": "("}, "pattern is no regular expression"),
    ],
)
def test_keys_that_do_not_fit_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExtractionConfig(**keys).check_extraction()


def test_a_template_is_filled_once() -> None:
    template = 'Say {"a": {question}} of {passages}'
    values = {"question": "who is {passages}?", "passages": "p"}
    assert fill(template, values) == 'Say {"a": who is {passages}?} of p'


def test_a_template_is_checked() -> None:
    with pytest.raises(ValueError, match=r"prompt has an unknown field \{x\}; there are \{a\}"):
        check_template("prompt", "{a} {x}", ("a",), ("a",))
    with pytest.raises(ValueError, match=r"prompt has no \{a\}"):
        check_template("prompt", "A {A} {}", ("a",), ("a",))
