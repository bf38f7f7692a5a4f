"""TREC qrels: which passages are relevant to which questions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from odqa.data.lines import text_lines
from odqa.errors import DataError

#: question id -> passage id -> grade; grades above 0 are relevant.
Qrels = dict[str, dict[str, int]]


def read_qrels(path: Path) -> Qrels:
    """Read ``question 0 passage grade`` lines, separated by any white space.

    Raises:
        DataError: a line of another form, or no lines at all.
    """
    found: Qrels = {}
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip():
            continue
        parts = line.split()
        try:
            question, _, passage, grade = parts
            found.setdefault(question, {})[passage] = int(grade)
        except ValueError:
            raise DataError(
                "expected 'question 0 passage grade'", where=f"{path}:{number}"
            ) from None
    if not found:
        raise DataError("no relevance judgements", where=str(path))
    return found


def write_qrels(path: Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write TREC qrels."""
    with path.open("w", encoding="utf-8") as out:
        for question, passages in qrels.items():
            out.writelines(
                f"{question} 0 {passage} {grade}\n" for passage, grade in passages.items()
            )
