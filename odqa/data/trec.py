"""TREC run files: ``question Q0 passage rank score tag``, one hit a line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from odqa.data.ids import check_id
from odqa.data.lines import text_lines
from odqa.data.whole_file import whole_file
from odqa.errors import DataError
from odqa.types import Hit


def read_run(path: Path) -> dict[str, list[Hit]]:
    """Hits per question by falling score; equal scores keep the order of the ranks.

    Raises:
        DataError: a malformed line, an id with a control character, or a passage twice for one
            question.
    """
    entries_by_question: dict[str, list[tuple[float, int, str]]] = {}
    pairs: set[tuple[str, str]] = set()
    for number, line in enumerate(text_lines(path), start=1):
        columns = line.split()
        if not columns:
            continue
        where = f"{path}:{number}"
        if len(columns) != 6:
            raise DataError(
                f"{len(columns)} columns instead of 6",
                where=where,
                cure="expected 'question Q0 passage rank score tag'",
            )
        question_id, _, passage_id, rank, score, _ = columns
        if (question_id, passage_id) in pairs:
            raise DataError(
                f"passage '{passage_id}' occurs twice for question '{question_id}'", where=where
            )
        check_id(question_id, "question", where)
        check_id(passage_id, "passage", where)
        pairs.add((question_id, passage_id))
        entry = (-_number(score, where), int(_number(rank, where)), passage_id)
        entries_by_question.setdefault(question_id, []).append(entry)
    return {
        question_id: [Hit(passage_id, -negated) for negated, _, passage_id in sorted(entries)]
        for question_id, entries in entries_by_question.items()
    }


def write_run(path: Path, run: Mapping[str, Sequence[Hit]], tag: str) -> None:
    """Write hits in their order, ranks from 1; scores keep every digit.

    A question without hits gets no line: the format has none for it.
    """
    label = "-".join(tag.split()) or "run"
    with whole_file(path) as file:
        for question_id, hits in run.items():
            for rank, hit in enumerate(hits, start=1):
                score = repr(float(hit.score))
                file.write(f"{question_id} Q0 {hit.passage_id} {rank} {score} {label}\n")


def _number(text: str, where: str) -> float:
    try:
        # Python reads 1_0 as 10.
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"'{text}' is not a finite number", where=where)
    return value
