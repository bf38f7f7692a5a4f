"""Question files of DPR, ``*.qa.csv`` (question, tab, a Python list) and JSON, and the like."""

from __future__ import annotations

import ast
import csv
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from odqa.data.answer_layouts import ANSWER_KEYS
from odqa.data.json_text import parse_json
from odqa.data.lines import file_stem, text_lines
from odqa.data.nq_open import PlacedRow, collect
from odqa.data.questions import QuestionSet
from odqa.errors import DataError

#: Characters of a question or of its answers; the csv module's own limit is lower.
_LONGEST_FIELD = 1_000_000


def read_qa_csv(path: Path) -> QuestionSet:
    """Questions of a ``*.qa.csv`` (``.tsv``); ids are ``STEM-N``.

    Raises:
        DataError: as `odqa.data.nq_open.read_questions`.
    """
    return collect(str(path), file_stem(path), _csv_rows(path))


def read_dpr_json(path: Path) -> QuestionSet:
    """Questions of a ``.json`` file, which is read as a whole.

    It is a list of objects, such as DPR's files to train the retriever or with its results, or
    one object with such a list: SQuAD's and TriviaQA's own files.

    Raises:
        DataError: as `odqa.data.nq_open.read_questions`.
    """
    data = parse_json("".join(text_lines(path)), str(path))
    if isinstance(data, dict):
        data = data.get("data", data.get("Data"))
    return collect(str(path), file_stem(path), _questions_of(_items(data, path)))


def _questions_of(items: Iterable[PlacedRow]) -> Iterator[PlacedRow]:
    """The items; of an article with paragraphs (SQuAD), all its questions."""
    for where, item in items:
        if "paragraphs" not in item:
            yield where, item
            continue
        for number, paragraph in enumerate(_objects(item["paragraphs"], where), start=1):
            place = f"{where}, paragraph {number}"
            for row in _objects(paragraph.get("qas"), place):
                yield f"{place}, question '{row.get('id')}'", row


def _objects(value: object, where: str) -> list[dict[str, object]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DataError("expected lists of paragraphs and of their 'qas'", where=where)
    return value


def json_items(path: Path) -> Iterator[PlacedRow]:
    """The objects of a JSON list, each with its place.

    Raises:
        DataError: the file is no JSON list of objects.
    """
    return _items(parse_json("".join(text_lines(path)), str(path)), path)


def _items(items: object, path: Path) -> Iterator[PlacedRow]:
    if not isinstance(items, list):
        raise DataError("expected a JSON list of questions", where=str(path))
    for number, item in enumerate(items, start=1):
        where = f"{path}, item {number}"
        if not isinstance(item, dict):
            raise DataError("expected a JSON object", where=where)
        yield where, item


def _csv_rows(path: Path) -> Iterator[PlacedRow]:
    """Rows of a question and its answers, or with a header that names the columns (PopQA)."""
    names: list[str] = []
    csv.field_size_limit(_LONGEST_FIELD)
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            columns = next(csv.reader([line], delimiter="\t"))
        except csv.Error as error:
            raise DataError(f"broken row ({error})", where=where) from None
        if not names and "question" in columns and not {*ANSWER_KEYS}.isdisjoint(columns):
            names = columns
        elif names and len(columns) != len(names):
            what = f"{len(columns)} columns instead of the {len(names)} of the header"
            raise DataError(what, where=where)
        elif names:
            row = zip(names, columns, strict=True)
            yield where, {key: _listed(key, value, where) for key, value in row}
        elif len(columns) != 2:
            raise DataError(
                f"expected a question, a tab and a list of answers, found {len(columns)} columns",
                where=where,
                cure="or a first line that names the columns, 'question' among them",
            )
        else:
            yield where, {"question": columns[0], "answer": _literal(columns[1], where)}


def _listed(key: str, value: str, where: str) -> object:
    """A list of answers in the notation of JSON or Python; any other value is its text."""
    if key not in ANSWER_KEYS or not value.lstrip().startswith("["):
        return value
    try:
        return parse_json(value, where)
    except DataError:
        return _literal(value, where)


def _literal(text: str, where: str) -> object:
    # Python's notation; only literals are evaluated.
    try:
        with warnings.catch_warnings():
            # The compiler warns of what it then refuses, 1x and the like.
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise DataError(
            "the answers are no list of texts", where=where, cure="expected ['first', 'second']"
        ) from None
