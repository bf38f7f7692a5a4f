"""What a ranker looked at: asked for after the run, for a few questions and passages.

It is kept in the cache under the key of the ranking it belongs to. A ranker is loaded only where
it has something to say and did not say it before; seconds spent here are in no cost.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from odqa.cache import Cache
from odqa.data.dataset import Dataset
from odqa.errors import ComponentError
from odqa.execution.components import make_component
from odqa.execution.record import StageRecord
from odqa.explanation import Explanation
from odqa.interfaces import Ranker
from odqa.progress import progress
from odqa.registry import get
from odqa.spec.stage import StageSpec
from odqa.types import Hit

_LOG = logging.getLogger(__name__)

#: Questions explained where nobody asks for more or fewer.
QUESTIONS = 50
#: The best passages of each.
PASSAGES = 3
#: No further question is explained once a pipeline's explanations take so many bytes.
MOST_BYTES = 50_000_000
#: Questions per call.
_BATCH = 8

Explanations = Mapping[str, tuple[Explanation, ...]]


def explain_ranking(
    record: StageRecord, dataset: Dataset, cache: Cache, questions: int
) -> Explanations:
    """By question id, what a ranker saw in its best passages; empty where it says nothing.

    Args:
        record: of the ranker's stage.
        questions: how many, from the first on.

    Raises:
        ComponentError: an explanation of a passage that was not asked for, or of text beyond it.
    """
    stage = record.stage
    kind = get(stage.role, stage.type)
    if not questions or not issubclass(kind, Ranker) or kind.explain is Ranker.explain:
        return {}
    identity = {"ranking": record.key, "questions": questions, "passages": PASSAGES}

    def build(work: Path) -> None:
        write_explanations(
            work / "explanations.jsonl",
            _until(_explained(record, dataset, cache, questions), MOST_BYTES, stage),
        )

    return read_explanations(cache.artifact("explanations", identity, build) / "explanations.jsonl")


def write_explanations(path: Path, found: Iterable[tuple[str, Sequence[Explanation]]]) -> None:
    """One line per question and passage."""
    with path.open("w", encoding="utf-8") as out:
        for question_id, each in found:
            out.writelines(line + "\n" for line in _lines(question_id, each))


def read_explanations(path: Path) -> dict[str, tuple[Explanation, ...]]:
    """The inverse of `write_explanations`.

    Raises:
        ValueError, LookupError, TypeError: a line is damaged.
    """
    found: dict[str, tuple[Explanation, ...]] = {}
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            data = json.loads(line)
            key = str(data["id"])
            found[key] = (*found.get(key, ()), Explanation.from_dict(data))
    return found


def _explained(
    record: StageRecord, dataset: Dataset, cache: Cache, questions: int
) -> Iterable[tuple[str, list[Explanation]]]:
    asked = dataset.questions.questions[:questions]
    ranker = cast(Ranker[object], make_component(record.stage))  # type: ignore[type-var]
    try:
        ranker.prepare(dataset.corpus, cache)
        starts = range(0, len(asked), _BATCH)
        for start in progress(starts, f"{record.stage.type} explains", len(starts), "batch"):
            some = asked[start : start + _BATCH]
            hits = [record.hits[question.id][:PASSAGES] for question in some]
            found = ranker.explain([question.query for question in some], hits)
            if len(found) != len(some):
                raise _broken(record.stage, f"{len(found)} lists for {len(some)} questions")
            for question, given, each in zip(some, hits, found, strict=True):
                _check(record.stage, given, each, dataset)
                yield question.id, each
    finally:
        ranker.close()


def _until(
    found: Iterable[tuple[str, list[Explanation]]], most: int, stage: StageSpec
) -> Iterable[tuple[str, list[Explanation]]]:
    size = 0
    for question_id, each in found:
        size += sum(len(line.encode()) for line in _lines(question_id, each))
        if size > most:
            _LOG.warning("%s: explanations end before question %s", stage.type, question_id)
            return
        yield question_id, each


def _lines(question_id: str, each: Sequence[Explanation]) -> list[str]:
    return [json.dumps({"id": question_id, **one.to_dict()}, ensure_ascii=False) for one in each]


def _check(
    stage: StageSpec, given: Sequence[Hit], found: Sequence[Explanation], dataset: Dataset
) -> None:
    ids = [one.passage_id for one in found]
    if len(set(ids)) != len(ids) or not set(ids) <= {hit.passage_id for hit in given}:
        raise _broken(stage, "a passage it was not given, or one twice")
    for one in found:
        length = len(dataset.corpus.get(one.passage_id).full_text)
        if not all(0 <= piece.start <= piece.end <= length for piece in one.pieces):
            raise _broken(stage, f"text that passage '{one.passage_id}' does not have")
        if not all(0 <= match.piece < len(one.pieces) for match in one.matches):
            raise _broken(stage, "a match with no piece")
        weights = [*(p.weight for p in one.pieces), *(m.score for m in one.matches)]
        if not all(map(math.isfinite, (*weights, one.share or 0.0))):
            raise _broken(stage, "with a weight that is no finite number")


def _broken(stage: StageSpec, what: str) -> ComponentError:
    return ComponentError(
        f"{stage.role} '{stage.type}' broke its contract: it explained {what}",
        cure="see explain in odqa/interfaces.py, or pass --explain 0",
    )
