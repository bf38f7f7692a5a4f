"""DPR's passage files: ``psgs_w100.tsv`` and the like, read as a stream.

The header is ``id<TAB>text<TAB>title``; a field may be quoted, with quotes inside it doubled.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from odqa.data.corpus import LONGEST_TEXT, too_long
from odqa.data.ids import check_id
from odqa.data.lines import text_lines
from odqa.data.whole_file import whole_file
from odqa.errors import DataError
from odqa.types import Passage

_COLUMNS = ["id", "text", "title"]


def read_passages(path: Path) -> Iterator[Passage]:
    """Passages one by one, in bounded memory.

    Raises:
        DataError: a row of another form, an empty id or text, a quote that stays open, or a file
            that cannot be read.
    """
    return (passage for _, passage in numbered_passages(path))


def numbered_passages(path: Path) -> Iterator[tuple[int, Passage]]:
    """As `read_passages`, each with the number of its (last) line."""
    # An unclosed quote would read the rest of the file as one field.
    csv.field_size_limit(LONGEST_TEXT)
    lines = _RowLines(text_lines(path))
    rows = csv.reader(lines, delimiter="\t")
    try:
        for row in rows:
            where = f"{path}:{rows.line_num}"
            if len(lines.row_lines) > 1:
                _refuse_open_quote(
                    lines.row_lines, f"{path}:{rows.line_num + 1 - len(lines.row_lines)}"
                )
            lines.row_lines.clear()
            if row and not (rows.line_num == 1 and _is_header(row, where)):
                yield rows.line_num, _passage(row, where)
    except csv.Error as error:
        where = f"{path}:{rows.line_num + 1 - len(lines.row_lines)}"
        if "field limit" in str(error):
            what = f"a field of more than {LONGEST_TEXT:,} characters"
            if len(lines.row_lines) == 1:
                raise too_long(what, where) from None
            raise DataError(what, where=where, cure=_QUOTES) from None
        raise DataError(f"broken row ({error})", where=where, cure=_QUOTES) from None


def write_passages(path: Path, passages: Iterable[Passage]) -> None:
    """Write passages with DPR's header and quoting."""
    with whole_file(path) as file:
        file.write("\t".join(_COLUMNS) + "\n")
        # Every field is quoted: by default the csv module leaves a field with a single \r unquoted.
        out = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_ALL)
        out.writerows((passage.id, passage.text, passage.title) for passage in passages)


_QUOTES = 'double each " inside a quoted field, and close the quote'


class _RowLines:
    """Lines for the csv module; remembers those of the current row."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.row_lines: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.row_lines.append(line)
        return line


def _refuse_open_quote(lines: list[str], where: str) -> None:
    # Reading is lenient, as in DPR; but a row over several lines that a strict reader refuses has
    # an unclosed quote and would contain the passages below it.
    try:
        list(csv.reader(lines, delimiter="\t", strict=True))
    except csv.Error:
        raise DataError(
            "a quote opened here does not end its field", where=where, cure=_QUOTES
        ) from None


def _is_header(row: list[str], where: str) -> bool:
    names = [cell.strip().lower() for cell in row]
    if names == _COLUMNS:
        return True
    if names[0] == "id":
        raise DataError(
            f"the header is {', '.join(names)}", where=where, cure="expected id, text, title"
        )
    return False


def _passage(row: list[str], where: str) -> Passage:
    if len(row) != len(_COLUMNS):
        raise DataError(
            f"expected id, text and title parted by tabs, found {len(row)} columns", where=where
        )
    passage_id, text, title = row
    if not passage_id.strip() or not text.strip():
        empty_field = "text" if passage_id.strip() else "id"
        raise DataError(f"the passage has no {empty_field}", where=where)
    check_id(passage_id.strip(), "passage", where)
    return Passage(passage_id.strip(), text, title)
