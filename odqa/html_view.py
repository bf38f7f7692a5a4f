"""Small pieces of HTML for notebooks: tables with texts at the left, lines as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

#: Texts of up to so many characters are kept on one line.
_ONE_LINE = 30


def html_table(columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table with an optional line above it; decimal numbers get three places.

    Notebooks align every cell at the right, so each cell says where its content stands.
    """
    head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    above = f"<p><b>{escape(caption)}</b></p>" if caption else ""
    return f"{above}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_lines(text: str) -> str:
    """Lines with their indentation; not every notebook gives ``<pre>`` letters of one width."""
    return f"<pre style='font-family:monospace;line-height:1.4'>{escape(text)}</pre>"


def shortened(text: str, length: int) -> str:
    """The text on one line; a longer one is cut, between words where there are any."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    kept = line[: length - 1]
    return f"{kept.rpartition(' ')[0] or kept} …"


def _cell(value: object) -> str:
    side = "right" if isinstance(value, int | float) else "left"
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    wrap = ";white-space:nowrap" if len(text) <= _ONE_LINE else ""
    return f"<td style='text-align:{side};vertical-align:top{wrap}'>{escape(text)}</td>"
