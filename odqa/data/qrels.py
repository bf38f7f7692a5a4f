"""Relevance judgements: TREC's four columns, and BEIR's three with a header."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from odqa.data.lines import text_lines
from odqa.data.whole_file import whole_file
from odqa.errors import DataError

#: question id -> passage id -> relevance (relevant from 1 up).
Qrels: TypeAlias = dict[str, dict[str, int]]

_BEIR_HEADER = ["query-id", "corpus-id", "score"]


def read_qrels(path: Path) -> Qrels:
    """Read ``question 0 passage relevance`` or BEIR's ``query-id corpus-id score`` with a header.

    Columns are separated by spaces or tabs.

    Raises:
        DataError: a malformed line, a pair judged twice, or no judgement at all.
    """
    qrels: Qrels = {}
    width = 4
    for number, line in enumerate(text_lines(path), start=1):
        columns = line.split()
        if not columns:
            continue
        where = f"{path}:{number}"
        if not qrels and columns == _BEIR_HEADER:
            width = 3
            continue
        if len(columns) != width:
            shape = "question 0 passage relevance" if width == 4 else "query-id corpus-id score"
            raise DataError(
                f"{len(columns)} columns instead of {width}",
                where=where,
                cure=f"expected '{shape}'",
            )
        question_id, passage_id, relevance = columns[0], columns[-2], columns[-1]
        grades = qrels.setdefault(question_id, {})
        if passage_id in grades:
            raise DataError(
                f"passage '{passage_id}' is judged twice for question '{question_id}'", where=where
            )
        try:
            grades[passage_id] = int(relevance)
        except ValueError:
            raise DataError(
                f"the relevance '{relevance}' is not a whole number", where=where
            ) from None
    if not qrels:
        raise DataError("the file has no judgements", where=str(path))
    return qrels


def write_qrels(path: Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write TREC qrels: four columns separated by spaces."""
    with whole_file(path) as file:
        for question_id, grades in qrels.items():
            for passage_id, relevance in grades.items():
                file.write(f"{question_id} 0 {passage_id} {relevance}\n")
