"""Rules for ids of passages and questions."""

from __future__ import annotations

from odqa.errors import DataError


def check_id(value: str, kind: str, where: str) -> None:
    """Refuse ids that TREC files cannot hold: their columns are separated by white space.

    Raises:
        DataError: empty, or with white space.
    """
    if not value:
        raise DataError(f"a {kind} has an empty id", where=where)
    if value.split() != [value]:
        raise DataError(
            f"the {kind} id {value!r} has white space",
            where=where,
            cure="TREC files cannot carry it, use another id",
        )


def encodable(value: str) -> bool:
    """Whether a text can be written as UTF-8 (JSON escapes can make half surrogate pairs)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
