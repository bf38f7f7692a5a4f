"""Relevance judgements: TREC's four columns or BEIR's three, with or without a header."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from odqa.data.ids import check_id
from odqa.data.lines import text_lines
from odqa.data.whole_file import whole_file
from odqa.errors import DataError

#: question id -> passage id -> relevance (relevant from 1 up).
Qrels: TypeAlias = dict[str, dict[str, int]]

_LOG = logging.getLogger(__name__)

_SHAPES = {3: "query-id corpus-id score", 4: "question 0 passage relevance"}
_HEADER = re.compile(
    r"(?i)(.*[-_ ])?(score|rel|relevance|relevancy|label|grade|judge?ment|rating|qrel)s?"
)
_WHOLE = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")
#: Beyond the 32 bits of trec_eval a relevant passage would silently count as none.
_HIGHEST = 1_000_000


def read_qrels(path: Path) -> Qrels:
    """Read ``question 0 passage relevance`` or ``question passage relevance``.

    Columns are separated by spaces or tabs; the first line shows how many there are, and may be a
    header such as BEIR's ``query-id corpus-id score``. A judgement that is repeated counts once,
    and a warning says how many are.

    Raises:
        DataError: a malformed line, a pair judged twice with different relevance, or no judgement
            at all.
    """
    qrels: Qrels = {}
    repeated, first_place = 0, ""
    for where, (question_id, passage_id, grade) in _rows(path):
        relevance = _relevance(grade, where)
        grades = qrels.setdefault(question_id, {})
        if passage_id not in grades:
            check_id(question_id, "question", where)
            check_id(passage_id, "passage", where)
            grades[passage_id] = relevance
        elif grades[passage_id] == relevance:
            repeated, first_place = repeated + 1, first_place or where
        else:
            raise DataError(
                f"passage '{passage_id}' is judged twice for question '{question_id}', "
                f"as {grades[passage_id]} and as {relevance}",
                where=where,
                cure="keep one of them",
            )
    if not qrels:
        raise DataError("the file has no judgements", where=str(path))
    if repeated:
        message = "%s: %d judgements are given again, the first at %s; each counts once"
        _LOG.warning(message, path, repeated, first_place)
    return qrels


def _rows(path: Path) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Question, passage and relevance of each line, with its place."""
    width = 0
    for number, line in enumerate(text_lines(path), start=1):
        columns = line.split()
        if not columns:
            continue
        where = f"{path}:{number}"
        if not width:
            width = 3 if len(columns) == 3 else 4
            if len(columns) == width and _is_header(columns, where):
                continue
        if len(columns) != width:
            raise DataError(
                f"{len(columns)} columns instead of {width}",
                where=where,
                cure=f"expected '{_SHAPES[width]}'",
            )
        yield where, (columns[0], columns[-2], columns[-1])


def _is_header(columns: list[str], where: str) -> bool:
    """Whether the first line names its columns: the last is no number, and no id has a digit."""
    if _HEADER.fullmatch(columns[-1]):
        return True
    if any(character.isdigit() for column in columns for character in column):
        return False
    _LOG.warning("%s: '%s' is read as a header", where, " ".join(columns))
    return True


def _relevance(text: str, where: str) -> int:
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        raise DataError(f"the relevance '{text}' is not a whole number", where=where)
    # Thousands of digits are too many for int.
    relevance = int(whole[1]) if len(whole[1]) < 20 else _HIGHEST + 1
    if abs(relevance) > _HIGHEST:
        raise DataError(
            f"the relevance '{text}' is not between -{_HIGHEST:,} and {_HIGHEST:,}", where=where
        )
    return relevance


def write_qrels(path: Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write TREC qrels: four columns separated by spaces."""
    with whole_file(path) as file:
        for question_id, grades in qrels.items():
            for passage_id, relevance in grades.items():
                file.write(f"{question_id} 0 {passage_id} {relevance}\n")
