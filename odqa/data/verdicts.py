"""Verdicts of people on answers: JSON lines ``{"question_id", "prediction", "acceptable"}``.

The form of the human verdicts that Kamalloo et al. (2023) published for NQ-open.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from odqa.data.lines import json_objects, text_field
from odqa.errors import DataError


@dataclass(frozen=True, slots=True)
class AnswerVerdict:
    """Whether a person accepted an answer to a question; the answer may be empty."""

    question_id: str
    prediction: str
    acceptable: bool


def read_verdicts(path: Path) -> list[AnswerVerdict]:
    """The verdicts of a file, plain or gzipped, in order.

    Raises:
        DataError: no verdicts, a broken line, a key that is missing or of another kind.
    """
    verdicts = []
    for where, row in json_objects(path):
        prediction, acceptable = row.get("prediction"), row.get("acceptable")
        if not isinstance(prediction, str):
            raise DataError("'prediction' is missing or no text", where=where)
        if not isinstance(acceptable, bool):
            raise DataError("'acceptable' is neither true nor false", where=where)
        verdicts.append(
            AnswerVerdict(text_field(row, "question_id", where), prediction, acceptable)
        )
    if not verdicts:
        raise DataError("there are no verdicts", where=str(path))
    return verdicts
