"""DPR's passage files: ``psgs_w100.tsv`` and its like, read as a stream.

The first line is the header ``id<TAB>text<TAB>title``; texts may be quoted, with quotes doubled.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from odqa.data.lines import text_lines
from odqa.errors import DataError
from odqa.types import Passage

_HEADER = ["id", "text", "title"]
#: A quote that never closes would swallow the rest of the file; no passage is that long.
_LONGEST_FIELD = 1_000_000


def read_passages(path: Path) -> Iterator[Passage]:
    """Passages one by one, in bounded memory.

    Raises:
        DataError: a row of another form, an empty id or text, or a file that cannot be read.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    rows = csv.reader(text_lines(path), delimiter="\t", quotechar='"', doublequote=True)
    try:
        for row in rows:
            where = f"{path}:{rows.line_num}"
            if rows.line_num == 1 and [cell.strip().lower() for cell in row] == _HEADER:
                continue
            if len(row) not in (2, 3):
                raise DataError(
                    f"expected id, text and title separated by tabs, found {len(row)} columns",
                    where=where,
                )
            passage_id, text, title = (*row, "")[:3]
            if not passage_id.strip() or not text.strip():
                missing = "text" if passage_id.strip() else "id"
                raise DataError(f"the passage has no {missing}", where=where)
            yield Passage(passage_id.strip(), text, title)
    except csv.Error as error:
        raise DataError(
            f"broken row ({error})", where=f"{path}:{rows.line_num}", cure="close the quote"
        ) from None
