from __future__ import annotations

import re
from html import unescape

import pytest
from markdown_it import MarkdownIt

from odqa.escapes import latex, markdown, mask_passwords, one_line, spreadsheet, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred\x1b[0m", r"a\x1b[31mred\x1b[0m"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", r"\x1b]8;;http://x\x07link\x1b]8;;\x07"),
        ("\x9b2J \x85 \x7f \x08\r", r"\x9b2J \x85 \x7f \x08\x0d"),
        ("abc\u202etxt.exe\u2066\u200f", r"abc\u202etxt.exe\u2066\u200f"),
        ("file-\udcff", r"file-\udcff"),
        ("lines\nand\ttabs, Zoë 日本 😀", "lines\nand\ttabs, Zoë 日本 😀"),
    ],
)
def test_what_steers_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_one_line_has_no_break_of_any_kind() -> None:
    line = one_line(" a\nb\r\nc\u2028d\x85e\x0bf\x0cg\x1ch\tj\x1b ")
    assert line == r"a b c d e f g h j\x1b"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("first\n\\input{/etc/passwd}", r"first \textbackslash{}input\{/etc/passwd\}"),
        ("100 % \\\\ ^^5cinput", r"100 \% \textbackslash{}\textbackslash{} "),
        ("a\u2028%b\x0c#c\x85$d", r"a \%b \#c \$d"),
        ('<"`|>', r"\textless{}\char34{}\char96{}\textbar{}\textgreater{}"),
        ("\x1b", r"\textbackslash{}x1b"),
    ],
)
def test_latex_gets_one_line_without_commands(text: str, escaped: str) -> None:
    assert latex(text).startswith(escaped)
    # Outside of our own commands nothing is left that TeX does not print.
    rest = re.sub(r"\\(text[a-z]+|char\d+|ldots)\{\}|\\[&%$#_{}]", "", latex(text))
    assert not re.search(r"[\\{}%$&#^_~\n\r]", rest)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n@"])
def test_spreadsheets_get_text(start: str) -> None:
    assert spreadsheet(f"{start}1+1").startswith("'")
    assert spreadsheet(f"bm25{start}1") == one_line(f"bm25{start}1")


HOSTILE = [
    "[x](javascript:alert(1))",
    "![x](http://tracker.example/pixel.png)",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "<javascript:alert(1)> <http://example.org>",
    "[x]: http://example.org",
    "a | b || c \\| d",
    "`code` ``more`` ```\nfence",
    "*bold* __bold__ _it_ ~~gone~~ $math$",
    "# heading",
    "=====",
    "- item\n- item",
    "+ item",
    "first\n\n# heading\n\n<b>block</b>",
    "&lt;b&gt; &#60;script&#62; &amp;",
    "back\\slash \\[x](y)",
    "\x1b[31m red",
    "retrieved_has_answer@20 p(em) 0.5",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_renders_as_the_text_itself(text: str) -> None:
    """Judged by markdown-it, an implementation of CommonMark and GitHub's tables."""
    render = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render
    rendered = render(f"| head |\n| --- |\n| {markdown(text)} |\n").strip()
    cells = re.findall(r"<td>(.*?)</td>", rendered, re.DOTALL)
    assert len(cells) == 1 and "<" not in cells[0]
    assert unescape(cells[0]) == one_line(text)
    # As a paragraph, and as a quoted notice.
    assert unescape(render(markdown(text))) == f"<p>{one_line(text)}</p>\n"
    assert unescape(render(f"> {markdown(text)}")).startswith("<blockquote>\n<p>")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://me:secret@host/x", "https://…@host/x"),
        (
            "to https://me:p@ss@host:5000 and http://hf_token@b",
            "to https://…@host:5000 and http://…@b",
        ),
        ("sqlite:///a@b.db me@host", "sqlite:///a@b.db me@host"),
    ],
)
def test_logins_of_addresses_are_masked(text: str, masked: str) -> None:
    assert mask_passwords(text) == masked
