"""Rewritten questions: JSON lines ``{"id": …, "question": …, "queries": [text, …]}``."""

from __future__ import annotations

from pathlib import Path

from odqa.data.by_question import ByQuestion
from odqa.data.lines import json_objects, text_field
from odqa.errors import DataError

Queries = ByQuestion[tuple[str, ...]]


def read_query_file(path: Path) -> Queries:
    """The texts to search for, by question; a line names its question by id, text, or both.

    Raises:
        DataError: the file cannot be read, a line names no question, or ``queries`` is no list of
            texts with at least one in it.
    """
    queries: Queries = ByQuestion(path)
    for where, row in json_objects(path):
        key = text_field(row, "id", where) if "id" in row else None
        needs_text = key is None or "question" in row
        text = text_field(row, "question", where) if needs_text else None
        queries.add(_texts(row.get("queries"), where), where, key, text)
    return queries


def _texts(value: object, where: str) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else []
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise DataError(
            "queries is no list of texts", where=where, cure='such as "queries": ["…", "…"]'
        )
    return tuple(texts)
