"""DPR's question files: ``*.qa.csv`` (question, tab, a Python list) and its retriever JSON."""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator
from pathlib import Path

from odqa.data.json_text import parse_json
from odqa.data.lines import text_lines
from odqa.data.nq_open import PlacedRow, collect
from odqa.data.questions import QuestionSet
from odqa.errors import DataError


def read_qa_csv(path: Path) -> QuestionSet:
    """Questions of a ``*.qa.csv`` (``.tsv``); ids are ``STEM-N``.

    Raises:
        DataError: as `odqa.data.nq_open.read_questions`.
    """
    return collect(path, _csv_rows(path))


def read_dpr_json(path: Path) -> QuestionSet:
    """Questions of DPR's JSON files, to train the retriever or with its results.

    The file is read as a whole.

    Raises:
        DataError: as `odqa.data.nq_open.read_questions`.
    """
    return collect(path, json_items(path))


def json_items(path: Path) -> Iterator[PlacedRow]:
    """The objects of a JSON list, each with its place.

    Raises:
        DataError: the file is no JSON list of objects.
    """
    items = parse_json("".join(text_lines(path)), str(path))
    if not isinstance(items, list):
        raise DataError("expected a JSON list of questions", where=str(path))
    for number, item in enumerate(items, start=1):
        where = f"{path}, item {number}"
        if not isinstance(item, dict):
            raise DataError("expected a JSON object", where=where)
        yield where, item


def _csv_rows(path: Path) -> Iterator[PlacedRow]:
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        columns = next(csv.reader([line], delimiter="\t"))
        if len(columns) != 2:
            raise DataError(
                f"expected a question, a tab and a list of answers, found {len(columns)} columns",
                where=where,
            )
        yield where, {"question": columns[0], "answer": _literal(columns[1], where)}


def _literal(text: str, where: str) -> object:
    # Python's notation; only literals are evaluated.
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise DataError(
            "the answers are no list of texts", where=where, cure="expected ['first', 'second']"
        ) from None
