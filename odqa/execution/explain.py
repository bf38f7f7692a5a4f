"""Explanations of a ranker, computed after the run for a few questions and passages.

They are cached under the key of the ranking they belong to. A ranker is loaded only if it
implements `explain` and nothing is cached; no cost includes the seconds spent here.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from odqa.cache import Cache
from odqa.cache.key import versioned
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

#: Questions explained by default.
QUESTIONS = 50
#: The best passages of each.
PASSAGES = 3
#: No further question is explained once a pipeline's explanations take so many bytes.
MOST_BYTES = 50_000_000
#: Questions per call.
_BATCH = 8
#: Raised whenever the same ranking is explained otherwise.
_VERSION = 1

Explanations = Mapping[str, tuple[Explanation, ...]]


def explain_ranking(
    record: StageRecord, dataset: Dataset, cache: Cache, questions: int
) -> Explanations:
    """By question id, what a ranker looked at in its best passages; empty if it explains nothing.

    Args:
        record: of the ranker's stage.
        questions: how many, from the first on.

    Raises:
        ComponentError: an explanation of a passage that was not among them, or of text beyond it.
    """
    stage = record.stage
    kind = get(stage.role, stage.type)
    if not questions or not issubclass(kind, Ranker) or kind.explain is Ranker.explain:
        return {}
    identity = {
        "ranking": record.key,
        "questions": questions,
        "passages": PASSAGES,
        **versioned(_VERSION),
    }

    def build(work: Path) -> None:
        write_explanations(
            work / "explanations.jsonl",
            _until(_explained(record, dataset, cache, questions), MOST_BYTES, stage),
        )

    return read_explanations(cache.artifact("explanations", identity, build) / "explanations.jsonl")


def write_explanations(
    path: Path, explanations: Iterable[tuple[str, Sequence[Explanation]]]
) -> None:
    """One line per question and passage."""
    with path.open("w", encoding="utf-8") as out:
        for question_id, of_question in explanations:
            out.writelines(line + "\n" for line in _lines(question_id, of_question))


def read_explanations(path: Path) -> dict[str, tuple[Explanation, ...]]:
    """The inverse of `write_explanations`.

    Raises:
        ValueError, LookupError, TypeError: a line is damaged.
    """
    explanations: dict[str, tuple[Explanation, ...]] = {}
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            data = json.loads(line)
            key = str(data["id"])
            explanations[key] = (*explanations.get(key, ()), Explanation.from_dict(data))
    return explanations


def _explained(
    record: StageRecord, dataset: Dataset, cache: Cache, questions: int
) -> Iterable[tuple[str, list[Explanation]]]:
    sample = dataset.questions.questions[:questions]
    ranker = cast(Ranker[object], make_component(record.stage))  # type: ignore[type-var]
    try:
        ranker.prepare(dataset.corpus, cache)
        starts = range(0, len(sample), _BATCH)
        for start in progress(starts, f"{record.stage.type} explains", len(starts), "batch"):
            batch = sample[start : start + _BATCH]
            hits = [record.hits[question.id][:PASSAGES] for question in batch]
            explanations = ranker.explain([question.query for question in batch], hits)
            if len(explanations) != len(batch):
                raise _broken(record.stage, f"{len(explanations)} lists for {len(batch)} questions")
            for question, own_hits, of_question in zip(batch, hits, explanations, strict=True):
                _check(record.stage, own_hits, of_question, dataset)
                yield question.id, of_question
    finally:
        ranker.close()


def _until(
    explanations: Iterable[tuple[str, list[Explanation]]], max_bytes: int, stage: StageSpec
) -> Iterable[tuple[str, list[Explanation]]]:
    size = 0
    for question_id, of_question in explanations:
        size += sum(len(line.encode()) for line in _lines(question_id, of_question))
        if size > max_bytes:
            _LOG.warning("%s: explanations end before question %s", stage.type, question_id)
            return
        yield question_id, of_question


def _lines(question_id: str, explanations: Sequence[Explanation]) -> list[str]:
    return [
        json.dumps({"id": question_id, **explanation.to_dict()}, ensure_ascii=False)
        for explanation in explanations
    ]


def _check(
    stage: StageSpec, hits: Sequence[Hit], explanations: Sequence[Explanation], dataset: Dataset
) -> None:
    ids = [explanation.passage_id for explanation in explanations]
    if len(set(ids)) != len(ids) or not set(ids) <= {hit.passage_id for hit in hits}:
        raise _broken(stage, "a passage it was not given, or one twice")
    for explanation in explanations:
        length = len(dataset.corpus.get(explanation.passage_id).full_text)
        if not all(0 <= piece.start <= piece.end <= length for piece in explanation.pieces):
            raise _broken(stage, f"text that passage '{explanation.passage_id}' does not have")
        if not all(0 <= match.piece < len(explanation.pieces) for match in explanation.matches):
            raise _broken(stage, "a match with no piece")
        weights = [*(p.weight for p in explanation.pieces), *(m.score for m in explanation.matches)]
        if not all(map(math.isfinite, (*weights, explanation.share or 0.0))):
            raise _broken(stage, "with a weight that is no finite number")


def _broken(stage: StageSpec, what: str) -> ComponentError:
    return ComponentError(
        f"{stage.role} '{stage.type}' broke its contract: it explained {what}",
        cure="see explain in odqa/interfaces.py, or pass --explain 0",
    )
