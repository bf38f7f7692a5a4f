"""TREC run files: ranked hits of many questions, six columns a line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from odqa.data.lines import text_lines
from odqa.errors import DataError
from odqa.types import Hit


def read_run(path: Path) -> dict[str, list[Hit]]:
    """Hits by question id, best first (sorted by score; ties keep the order of the file).

    Raises:
        DataError: a line of another form, a score that is no finite number, one passage twice.
    """
    found: dict[str, dict[str, float]] = {}
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        parts = line.split()
        if len(parts) != 6:
            raise DataError("expected 'question Q0 passage rank score tag'", where=where)
        question, _, passage, _, text, _ = parts
        hits = found.setdefault(question, {})
        if passage in hits:
            raise DataError(f"passage '{passage}' comes twice for '{question}'", where=where)
        try:
            hits[passage] = float(text)
        except ValueError:
            raise DataError(f"'{text}' is no score", where=where) from None
        if not math.isfinite(hits[passage]):
            raise DataError(f"'{text}' is no finite score", where=where)
    return {
        question: sorted((Hit(p, s) for p, s in hits.items()), key=lambda hit: -hit.score)
        for question, hits in found.items()
    }


def write_run(path: Path, hits: Mapping[str, Sequence[Hit]], tag: str) -> None:
    """Write hits; scores keep every digit, so that reading them back gives the same run."""
    with path.open("w", encoding="utf-8") as out:
        for question, each in hits.items():
            out.writelines(
                f"{question} Q0 {hit.passage_id} {rank} {hit.score!r} {tag}\n"
                for rank, hit in enumerate(each, start=1)
            )
