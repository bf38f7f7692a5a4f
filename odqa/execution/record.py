"""The results of one stage over all questions, in memory and on disk.

A stage is written batch by batch (``batch-00000.json``), each file atomically, so that a killed
run resumes where it stopped and a finished stage is read back exactly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from odqa.cache import content_key
from odqa.cache.kept import note_kept
from odqa.execution.call import Output
from odqa.interfaces import Stored
from odqa.meters.meter import NOTHING, Spent
from odqa.registry import ROLES
from odqa.spec.stage import StageSpec
from odqa.types import Answer, Hit


@dataclass(frozen=True, slots=True)
class StageRecord:
    """Results and costs of one stage.

    ``rows`` maps question ids to outputs: texts, hits or an answer. ``offline`` is the cost of the
    first `prepare` of this component on this corpus, ``online`` that of the online batches when
    they were computed. With ``reused``, all or some of the batches were read from the cache; with
    ``offline_reused``, the offline figures are those of an earlier run. ``load_seconds`` are those
    of imports and weights in that preparation, which are no offline work; `None`: not known.
    """

    stage: StageSpec
    key: str
    rows: Mapping[str, Output]
    online: Spent
    reused: bool
    offline: Spent = NOTHING
    offline_reused: bool = False
    parameters: int = 0
    gflop: float | None = None
    stored: tuple[Stored, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    load_seconds: float | None = None

    @property
    def hits(self) -> Mapping[str, list[Hit]]:
        """Its rows, of a stage that gives hits."""
        assert ROLES[self.stage.role].gives == "hits"
        return cast(Mapping[str, list[Hit]], self.rows)

    @property
    def answers(self) -> Mapping[str, Answer]:
        """Its rows, of a stage that gives answers."""
        assert ROLES[self.stage.role].gives == "answers"
        return cast(Mapping[str, Answer], self.rows)

    @property
    def texts(self) -> Mapping[str, list[str]]:
        """Its rows, of a stage that gives texts to search for."""
        assert ROLES[self.stage.role].gives == "queries"
        return cast(Mapping[str, list[str]], self.rows)


@dataclass(frozen=True, slots=True)
class Batch:
    """One written batch: its cost and one output per question id."""

    spent: Spent
    rows: Mapping[str, Output]


def write_batch(folder: Path, number: int, batch: Batch) -> None:
    """Write one batch atomically."""
    target = _batch_file(folder, number)
    rows = [{"id": key, **_to_json(value)} for key, value in batch.rows.items()]
    draft = target.with_suffix(".tmp")
    data = {**batch.spent.to_dict(), "rows": rows}
    draft.write_text(json.dumps({**data, "checksum": content_key(data)}), encoding="utf-8")
    draft.replace(target)
    note_kept(target)


def read_batch(folder: Path, number: int, *, of_unfinished: bool = False) -> Batch | None:
    """A batch from disk; `None` if it is missing or unreadable.

    Args:
        of_unfinished: of a stage without a manifest, so that only its own checksum vouches for it;
            those of version 0.1.0 have none and are not read.
    """
    source = _batch_file(folder, number)
    if not source.is_file():
        return None
    try:
        data = json.loads(source.read_text(encoding="utf-8"))
        checksum = data.pop("checksum", None)
        if of_unfinished and checksum != content_key(data):
            return None
        rows = {row["id"]: _from_json(row) for row in data["rows"]}
        return Batch(Spent.from_dict(data), rows)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # A power cut may leave an empty file behind a rename.
        return None


def read_batches(folder: Path) -> Iterator[Batch]:
    """All batches of a finished stage, in order."""
    number = 0
    while (batch := read_batch(folder, number)) is not None:
        yield batch
        number += 1


def drop_batches(folder: Path, start: int) -> None:
    """Remove batch ``start`` and later ones, left by a version with smaller batches."""
    number = start
    while (file := _batch_file(folder, number)).exists():
        file.unlink()
        number += 1


def _batch_file(folder: Path, number: int) -> Path:
    return folder / f"batch-{number:05d}.json"


def _to_json(value: Output) -> dict[str, Any]:
    if isinstance(value, Answer):
        span = (value.start, value.end)
        start, end = (None if offset is None else int(offset) for offset in span)
        return {"answer": (value.text, float(value.score), value.passage_id, start, end)}
    if value and isinstance(value[0], str):
        return {"texts": value}
    # Components may return numpy's numbers; JSON needs plain ones.
    hits = cast(Sequence[Hit], value)
    return {"hits": [[hit.passage_id, float(hit.score)] for hit in hits]}


def _from_json(row: Mapping[str, Any]) -> Output:
    if "answer" in row:
        return Answer(*row["answer"])
    if "texts" in row:
        return [str(text) for text in row["texts"]]
    return [Hit(passage_id, score) for passage_id, score in row["hits"]]
