"""DPR's passage files: ``psgs_w100.tsv`` and its like, read as a stream.

The header is ``id<TAB>text<TAB>title``; a field may be quoted, with quotes inside it doubled.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from odqa.data.ids import check_id
from odqa.data.lines import text_lines
from odqa.data.whole_file import whole_file
from odqa.errors import DataError
from odqa.types import Passage

_COLUMNS = ["id", "text", "title"]
#: A quote that never closes would swallow the rest of the file; no passage is that long.
_LONGEST_FIELD = 1_000_000


def read_passages(path: Path) -> Iterator[Passage]:
    """Passages one by one, in bounded memory.

    Raises:
        DataError: a row of another form, an empty id or text, a quote that stays open, or a file
            that cannot be read.
    """
    return (passage for _, passage in numbered_passages(path))


def numbered_passages(path: Path) -> Iterator[tuple[int, Passage]]:
    """As `read_passages`, each with the number of its (last) line."""
    csv.field_size_limit(_LONGEST_FIELD)
    lines = _Remembered(text_lines(path))
    rows = csv.reader(lines, delimiter="\t")
    try:
        for row in rows:
            where = f"{path}:{rows.line_num}"
            if len(lines.taken) > 1:
                _refuse_open_quote(lines.taken, f"{path}:{rows.line_num + 1 - len(lines.taken)}")
            lines.taken.clear()
            if row and not (rows.line_num == 1 and _is_header(row, where)):
                yield rows.line_num, _passage(row, where)
    except csv.Error as error:
        first = rows.line_num + 1 - len(lines.taken)
        raise DataError(f"broken row ({error})", where=f"{path}:{first}", cure=_QUOTES) from None


def write_passages(path: Path, passages: Iterable[Passage]) -> None:
    """Write passages with DPR's header and quoting."""
    with whole_file(path) as file:
        file.write("\t".join(_COLUMNS) + "\n")
        # Every field is quoted: left to itself, the csv module forgets that a lone \r needs it.
        out = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_ALL)
        out.writerows((passage.id, passage.text, passage.title) for passage in passages)


_QUOTES = 'double each " inside a quoted field, and close the quote'


class _Remembered:
    """Lines on their way to the csv module, kept until its row is complete."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken.append(line)
        return line


def _refuse_open_quote(lines: list[str], where: str) -> None:
    # DPR reads leniently, and so do we; but a row over several lines that strict reading refuses
    # is a quote left open, which would swallow the passages below it.
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
        missing = "text" if passage_id.strip() else "id"
        raise DataError(f"the passage has no {missing}", where=where)
    check_id(passage_id.strip(), "passage", where)
    return Passage(passage_id.strip(), text, title)
