"""BEIR folders: ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/SPLIT.tsv``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from odqa.data.lines import json_objects, text_field
from odqa.data.qrels import Qrels, read_qrels
from odqa.data.questions import QuestionSet
from odqa.errors import DataError
from odqa.suggest import did_you_mean
from odqa.types import Passage, Question


def is_beir(folder: Path) -> bool:
    """Whether a folder has BEIR's layout."""
    return (folder / "corpus.jsonl").is_file() and (folder / "queries.jsonl").is_file()


def read_passages(path: Path) -> Iterator[Passage]:
    """Passages of a ``corpus.jsonl``, one by one. Some of BEIR's have no text; they are kept.

    Raises:
        DataError: a broken line, or one without ``_id``.
    """
    for where, row in json_objects(path):
        title, text = row.get("title") or "", row.get("text", "")
        if not isinstance(title, str) or not isinstance(text, str):
            raise DataError("'title' or 'text' is no text", where=where)
        yield Passage(text_field(row, "_id", where), text, title)


def read_split(folder: Path, split: str) -> tuple[QuestionSet, Qrels]:
    """The questions that a split judges, and its judgements. BEIR has no answers.

    Raises:
        DataError: no such split, a broken line, or a judged question that is missing.
    """
    path = folder / "qrels" / f"{split}.tsv"
    if not path.is_file():
        splits = sorted(p.stem for p in path.parent.glob("*.tsv"))
        raise DataError(f"no split '{split}'", where=str(folder), cure=did_you_mean(split, splits))
    qrels = read_qrels(path)
    queries = folder / "queries.jsonl"
    questions: dict[str, Question] = {}
    for where, row in json_objects(queries):
        key = text_field(row, "_id", where)
        if key in questions:
            raise DataError(f"the question id '{key}' is given twice", where=where)
        if key in qrels:
            questions[key] = Question(key, text_field(row, "text", where))
    unknown = [key for key in qrels if key not in questions]
    if unknown:
        raise DataError(
            f"{len(unknown)} judged questions are not there, the first is '{unknown[0]}'",
            where=str(queries),
            cure=f"check that it belongs to {path.name}",
        )
    return QuestionSet(f"{folder.name}-{split}", tuple(questions.values())), qrels
