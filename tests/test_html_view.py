from __future__ import annotations

import pytest

from odqa.html_view import html_lines, html_table, shortened


def test_texts_stand_at_the_left_and_numbers_at_the_right() -> None:
    shown = html_table(("n", "text"), [(1, "a < b"), (0.12345, "long " * 20)], "a & b")
    assert shown.startswith("<p><b>a &amp; b</b></p><table>")
    assert "text-align:right;vertical-align:top;white-space:nowrap'>1</td>" in shown
    assert ">0.123</td>" in shown and ">a &lt; b</td>" in shown
    assert "text-align:left;vertical-align:top'>long " in shown
    assert "<p>" not in html_table(("n",), [])


def test_lines_are_escaped() -> None:
    assert html_lines("a\n  <b>").endswith(">a\n  &lt;b&gt;</pre>")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two  words\n", "two words"),
        ("one two three four", "one two …"),
        ("一二三四五六七八九十一二三四五", "一二三四五六七八九十一 …"),
    ],
)
def test_texts_are_cut_between_words(text: str, line: str) -> None:
    assert shortened(text, 12) == line
