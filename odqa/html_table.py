"""A small HTML table for notebooks: texts at the left, numbers at the right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def html_table(columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table with an optional line above it; decimal numbers get three places.

    Notebooks align every cell at the right, so each cell says where its content stands.
    """
    head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    above = f"<p><b>{escape(caption)}</b></p>" if caption else ""
    return f"{above}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    side = "right" if isinstance(value, int | float) else "left"
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return f"<td style='text-align:{side};vertical-align:top'>{escape(text)}</td>"
