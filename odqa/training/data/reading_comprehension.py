"""Reading-comprehension data: every question comes with the context that answers it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from odqa.data.lines import text_lines
from odqa.errors import DataError
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.types import Passage, Question


def read_reading_comprehension(
    path: Path, source: str
) -> tuple[list[LabelledQuestion], dict[str, Passage]]:
    """Read one JSON object a line: ``{"question", "context", "answers"}``.

    Each distinct context becomes a passage ``SOURCE-cN`` without title, each row a question
    ``SOURCE-N``. Spaces that a tokeniser left before punctuation are removed from both contexts
    and answers, so that they look like the passages of a corpus.

    Returns:
        The questions in the order of the file, and id -> passage.

    Raises:
        DataError: a line is not JSON or lacks a key.
    """
    labelled: list[LabelledQuestion] = []
    passages: dict[str, Passage] = {}
    ids: dict[str, str] = {}
    for number, line in enumerate(text_lines(path), start=1):
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
            question, context, answers = row["question"], row["context"], row["answers"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                "not a JSON object with question, context and answers", where=where
            ) from error
        text = detokenise(context)
        pid = ids.setdefault(text, f"{source}-c{len(ids)}")
        passages[pid] = Passage(pid, text)
        accepted = tuple(dict.fromkeys(detokenise(answer) for answer in answers))
        identified = Question(f"{source}-{number - 1}", question, accepted)
        labelled.append(LabelledQuestion(identified, pid, source))
    return labelled, passages


_SPACE_BEFORE = re.compile(r" (?=(?:[,.;:!?%)\]]|'s\b|n't\b|''))")
_SPACE_AFTER = re.compile(r"(?<=[(\[$]) ")
_SPACED_HYPHEN = re.compile(r"(?<=\w) - (?=\w)")
_TAG = re.compile(r"</?T[a-z]+(?: [^>]*)?>", re.IGNORECASE)


def detokenise(text: str) -> str:
    """Text without the spaces of a word tokeniser and without the table tags of NQ's HTML."""
    plain = _TAG.sub(" ", text).replace("`` ", '"').replace(" ''", '"')
    plain = " ".join(plain.split())
    return _SPACED_HYPHEN.sub("-", _SPACE_AFTER.sub("", _SPACE_BEFORE.sub("", plain))).strip()
