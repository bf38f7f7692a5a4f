"""Rules for ids of passages and questions."""

from __future__ import annotations

import re

from odqa.errors import DataError

#: Characters that end a text for C code such as trec_eval's, or that a terminal obeys.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_id(value: str, kind: str, where: str) -> None:
    """Refuse ids that TREC files cannot hold: their columns are separated by white space.

    Raises:
        DataError: empty, with white space or a control character, or half a surrogate pair.
    """
    if value.isascii() and value.isprintable() and value and " " not in value:
        return  # nearly all of millions
    if not value:
        raise DataError(f"a {kind} has an empty id", where=where)
    if value.split() != [value]:
        raise DataError(
            f"the {kind} id {value!r} has white space",
            where=where,
            cure="TREC files cannot carry it, use another id",
        )
    if _CONTROL.search(value) or not encodable(value):
        raise DataError(
            f"the {kind} id {value!r} has a control character or half a surrogate pair",
            where=where,
            cure="use another id",
        )


def encodable(value: str) -> bool:
    """Whether a text can be written as UTF-8 (JSON escapes can make half surrogate pairs)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
