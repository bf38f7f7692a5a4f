"""A table that a reader can sort: cells hold a text and a value to sort by."""

from __future__ import annotations

from dataclasses import dataclass

Sort = float | str


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; ``help`` explains it, columns of numbers are aligned right."""

    label: str
    help: str = ""
    number: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """``text`` is shown, ``small`` after it in small type, ``badge`` as a label; rows sort by
    ``sort``, empty cells always last. ``link`` is a fragment of the page."""

    text: str
    sort: Sort | None = None
    small: str = ""
    badge: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of every row names it; ``note`` stands below."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def name(text: str, badge: str = "") -> Cell:
    """A cell with text."""
    return Cell(text, text.casefold() or None, badge=badge)


def number(value: float | None, digits: int, small: str = "") -> Cell:
    """A cell with a number; empty for `None`."""
    return Cell("") if value is None else Cell(f"{value:,.{digits}f}", value, small)


def p_value(value: float | None) -> Cell:
    """A cell with a p-value; empty for `None`."""
    if value is None:
        return Cell("")
    return Cell("< 0.001" if value < 0.001 else f"{value:.3f}", value)


def significant(value: float | None) -> Cell:
    """A cell with three significant digits, without exponent where possible."""
    if value is None:
        return Cell("")
    if value == 0:
        return Cell("0", 0.0)
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return Cell(f"{value:,.{digits}f}" if abs(value) >= 0.1 else f"{value:.2g}", value)
