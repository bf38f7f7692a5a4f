"""BEIR folders: ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/SPLIT.tsv``.

Passages of other JSON lines are read too: FlashRAG's and Pyserini's ``id, contents``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from odqa.data.ids import check_id
from odqa.data.lines import json_objects, keys_of, text_field
from odqa.data.paths import is_file
from odqa.data.qrels import Qrels, read_qrels
from odqa.data.questions import QuestionSet, check_question
from odqa.errors import DataError
from odqa.suggest import did_you_mean
from odqa.types import Passage, Question


def is_beir(folder: Path) -> bool:
    """Whether a folder has BEIR's layout."""
    return is_file(folder / "corpus.jsonl") and is_file(folder / "queries.jsonl")


def read_passages(path: Path) -> Iterator[Passage]:
    """Passages one by one. The id may be called ``id``; a text of null is empty.

    Some of BEIR's have no text; they are kept. FlashRAG's ``contents`` are the title in quotes,
    a line end, and the text; without quotes (Pyserini) all of it is text.

    Raises:
        DataError: a broken line, or one without id or text.
    """
    for where, row in json_objects(path):
        passage_id = text_field(row, "_id" if "_id" in row else "id", where, wanted="_id")
        check_id(passage_id, "passage", where)
        title, text = _title_and_text(row, where)
        yield Passage(passage_id, text, title)


def read_split(folder: Path, split: str) -> tuple[QuestionSet, Qrels]:
    """The questions that a split judges, and all its judgements. BEIR has no answers.

    A judged question without a text is left out, with its id in the judgements.

    Raises:
        DataError: no such split, a broken line, a question twice, or none that is judged.
    """
    path = folder / "qrels" / f"{split}.tsv"
    if not is_file(path):
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
            question = Question(key, text_field(row, "text", where))
            check_question(question, where)
            questions[key] = question
    if not questions:
        raise DataError(
            f"none of the {len(qrels)} judged questions is there, "
            f"the first is '{next(iter(qrels))}'",
            where=str(queries),
            cure=f"check that it belongs to {path.name}",
        )
    return QuestionSet(f"{folder.name}-{split}", tuple(questions.values())), qrels


def _title_and_text(row: Mapping[str, object], where: str) -> tuple[str, str]:
    if "text" not in row and isinstance(contents := row.get("contents"), str):
        first, line_end, rest = contents.partition("\n")
        quoted = len(first) > 1 and first[0] == first[-1] == '"'
        return (first[1:-1], rest) if line_end and quoted else ("", contents)
    if "text" not in row:
        raise DataError("'text' is missing", where=where, cure=keys_of(row))
    title, text = row.get("title"), row["text"]
    title, text = "" if title is None else title, "" if text is None else text
    if not isinstance(title, str) or not isinstance(text, str):
        raise DataError("'title' or 'text' is no text", where=where)
    return title, text
