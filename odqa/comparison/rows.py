"""The JSON files of a run folder as rows whose values have the types that every view expects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from odqa.comparison.costs import StageCost
from odqa.execution.latency import Latency
from odqa.explanation import Explanation

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A line of ``questions.jsonl``."""

    id: str
    question: str
    answer: list[str]
    supporting: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A line of ``passages.jsonl``."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A line of ``answers.jsonl``."""

    id: str
    answer: str
    score: float
    passage: str | None
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class QueriesRow:
    """A line of a rewriter's ``stages/ID.jsonl``."""

    id: str
    queries: list[str]


@dataclass(frozen=True, slots=True)
class _LatencyFile:
    questions: list[str]
    seconds: dict[str, list[float]]


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """Lines of JSON, each of the keys and types of ``kind``.

    Raises:
        ValueError: a line is not.
    """
    # Not splitlines(): a text may hold U+2028 and its like, which end no line of JSON.
    lines = path.read_text(encoding="utf-8").split("\n")
    return _checked(kind, [json.loads(line) for line in lines if line], path)


def read_costs(path: Path) -> tuple[StageCost, ...]:
    """The stages' costs. Raises as `read_rows`."""
    costs = [StageCost.from_dict(cost) for cost in json.loads(path.read_text(encoding="utf-8"))]
    plain = [{**cost.to_dict(), "shared_with": list(cost.shared_with)} for cost in costs]
    try:
        _adapter(StageCost).validate_json(json.dumps(plain), strict=True)
    except ValidationError as error:
        raise _wrong(path, error) from None
    return tuple(costs)


def read_latency(path: Path) -> Latency:
    """Seconds of every question by stage. Raises as `read_rows`."""
    (data,) = _checked(_LatencyFile, [json.loads(path.read_text(encoding="utf-8"))], path)
    if any(len(seconds) != len(data.questions) for seconds in data.seconds.values()):
        raise ValueError(f"{path.name}: not a time for every question")
    return Latency.from_dict({"questions": data.questions, "seconds": data.seconds})


def check_explanations(explanations: Mapping[str, Iterable[Explanation]]) -> None:
    """Check types and offsets.

    Raises:
        ValueError: an explanation has others.
    """
    for explanation in (e for of_question in explanations.values() for e in of_question):
        pieces, matches = explanation.pieces, explanation.matches
        texts = [explanation.passage_id, *(match.token for match in matches)]
        weights = [piece.weight for piece in pieces] + [match.score for match in matches]
        weights += [] if explanation.share is None else [explanation.share]
        offsets = [(piece.start, piece.end) for piece in pieces]
        is_typed = all(isinstance(text, str) for text in texts)
        is_typed = is_typed and all(isinstance(weight, float | int) for weight in weights)
        is_typed = is_typed and all(isinstance(n, int) for span in offsets for n in span)
        is_typed = is_typed and all(isinstance(match.piece, int) for match in matches)
        if (
            not is_typed
            or explanation.kind not in ("alignment", "attention")
            or not all(0 <= start <= end for start, end in offsets)
            or not all(0 <= match.piece < len(pieces) for match in matches)
        ):
            raise ValueError("explanations.jsonl: an explanation of another form")
        # Half of a surrogate pair is text in JSON, and in no file.
        "".join(texts).encode()


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[list[Any]]:
    return TypeAdapter(list[kind])  # type: ignore[valid-type]


def _checked(kind: type[Row], rows: list[Any], path: Path) -> list[Row]:
    try:
        # As JSON: in Python, strict values of a class are objects of it.
        return _adapter(kind).validate_json(json.dumps(rows), strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        raise _wrong(path, error) from None


def _wrong(path: Path, error: ValidationError) -> ValueError:
    first = error.errors()[0]
    number, *keys = first["loc"]
    return ValueError(
        f"{path.name}, entry {int(number) + 1}: {'.'.join(map(str, keys))}: {first['msg']}"
    )
