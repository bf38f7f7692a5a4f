"""Foreign text in what people look at (a terminal, Markdown, LaTeX), and passwords in none of it.

Ids, titles, answers, names and messages come from data and folders of others. HTML and JSON are
escaped where they are made, by the templates and `html.escape`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Characters that steer a terminal or the order of letters, or that no encoding takes: C0 without
#: line break and tab, DEL, C1, marks and overrides of direction, separators, surrogates.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
#: Characters of one part of an error.
_LONGEST = 1000
#: User, password or token of an address.
_LOGIN = re.compile(r"(?<=://)[^/\s]*@")
#: Line breaks of all kinds, which Unicode's are too, and blanks.
_BLANK = re.compile(r"\s+")
#: The characters that LaTeX reads as commands, and those that old font encodings print otherwise.
_LATEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "`": r"\char96{}",
    "…": r"\ldots{}",
}
#: Markdown's characters anywhere; an underscore inside of a word means nothing there.
_MARKDOWN = re.compile(r"[\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[#+=-]")


def mask_passwords(text: str) -> str:
    """Text whose addresses hide who logs in there and how: ``https://…@host``."""
    return _LOGIN.sub("…@", text)


def visible(text: str) -> str:
    """Text whose control characters are written out, such as ``\\x1b`` for escape.

    Line breaks (``\\n``) and tabs stay.
    """
    return _STEERING.sub(lambda match: _written_out(match[0]), text)


def one_line(text: str) -> str:
    """`visible` text on one line: line breaks and other blanks of any kind are single blanks."""
    return visible(_BLANK.sub(" ", text)).strip()


def in_message(text: str) -> str:
    """One line of bounded length for errors: whatever does not print is written out.

    Values of files may have millions of characters; the middle of a long one is left out.
    """
    line = " ".join(text.split())
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 2 :]}"
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else _written_out(c) for c in line)


def latex(text: str) -> str:
    """One line of text that LaTeX prints as it stands: no command, comment or line break in it."""
    return "".join(_LATEX.get(character, character) for character in one_line(text))


def markdown(text: str) -> str:
    """One line of text that Markdown prints as it stands: no HTML, link, code or cell in it."""
    escaped = _MARKDOWN.sub(lambda match: f"\\{match[0]}", one_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def spreadsheet(text: str) -> str:
    """One line of text that a spreadsheet takes for text, not for a formula to compute."""
    line = one_line(text)
    return f"'{line}" if line.startswith(tuple("=+-@")) else line


def _written_out(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
