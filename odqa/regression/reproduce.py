"""Repeat a run from its folder, and find what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odqa.cache import Cache
from odqa.comparison.manifest import describe_data
from odqa.comparison.run import run_comparison
from odqa.data.load import reopen
from odqa.data.origin import Origin
from odqa.errors import DataError, RunError
from odqa.metrics.catalogue import in_order, stage_of
from odqa.spec.judge import JudgeConfig

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison
    from odqa.data.dataset import Dataset
    from odqa.types import Hit

#: Tolerance: floating-point numbers may be summed in another order.
_EQUAL = 1e-9
#: Parts of a dataset: key in the manifest -> name for users.
_PARTS = {"corpus": "corpus", "question_set": "questions", "qrels": "qrels"}
_ENVIRONMENT = ("odqa", "code", "python", "machine", "versions")


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One metric of one pipeline before and after, as means and for each changed question.

    A value is `None` where a run has no row for the question.
    """

    pipeline: str
    metric: str
    questions: int
    before: float
    after: float
    changed: Mapping[str, tuple[float | None, float | None]]

    @property
    def largest(self) -> float:
        """The largest change of one question."""
        return max((abs((b or 0.0) - (a or 0.0)) for a, b in self.changed.values()), default=0.0)


@dataclass(frozen=True, slots=True)
class HitsChange:
    """One slot of one pipeline: on how many questions ids differ, and how much scores differ."""

    pipeline: str
    stage: str
    questions: int
    changed_ids: int
    largest_score: float


def find_data(comparison: Comparison, cache: Cache) -> Dataset:
    """The data of a run, opened by the origin in its manifest.

    Raises:
        RunError: the manifest has no origin of the data.
        DataError: they do not exist any more, or have another content.
    """
    entry = comparison.manifest.get("dataset", {})
    if not entry.get("origin"):
        raise RunError(
            "does not say where its data came from",
            where=str(comparison.folder),
            cure="name the same data with --data",
        )
    origin = Origin.from_dict(entry["origin"])
    try:
        dataset = reopen(origin, cache)
    except DataError as error:
        cure = "bring it back, or say with --data where the same data lie now"
        raise DataError(error.what, where=error.where, cure=cure) from None
    return check_unchanged(dataset, entry, origin.folder)


def cut_to_origin(dataset: Dataset, entry: Mapping[str, Any]) -> Dataset:
    """The questions of a whole dataset that a manifest's ``dataset`` entry names."""
    if not entry.get("origin"):
        return dataset
    origin = Origin.from_dict(entry["origin"])
    first = origin.config.get("take"), origin.config.get("seed")
    for n, seed in (first, *origin.takes):
        dataset = dataset.take(n, seed) if n is not None else dataset
    return dataset


def check_unchanged(dataset: Dataset, entry: Mapping[str, Any], where: str) -> Dataset:
    """The dataset, if it has the content of a manifest's ``dataset`` entry.

    Raises:
        DataError: it has another content; names the parts that differ.
    """
    if dataset.digest == entry["digest"]:
        return dataset
    current = describe_data(dataset)
    parts = [name for key, name in _PARTS.items() if key in entry and entry[key] != current[key]]
    raise DataError(
        f"{' and '.join(parts) or 'the data'} changed since the run: digest {current['digest']}, "
        f"{current['questions']} questions, {current['passages']} passages; the run had "
        f"{entry['digest']}, {entry['questions']} questions, {entry['passages']} passages",
        where=where,
        cure="bring the old files back, or name them with --data",
    )


def run_again(comparison: Comparison, dataset: Dataset, cache: Cache) -> Comparison:
    """The same pipelines, baseline and settings once more; no result is read from a cache.

    Args:
        cache: for artifacts of offline work.
    """
    judge = comparison.manifest.get("settings", {}).get("judge")
    return run_comparison(
        [result.spec for result in comparison.pipelines.values()],
        dataset,
        cache,
        name=comparison.name,
        baseline=comparison.baselines,
        latency=int(comparison.manifest.get("settings", {}).get("latency", 0)),
        results=Cache(enabled=False),
        explain=0,
        grid=comparison.grid,
        judge=None if judge is None else JudgeConfig.model_validate_json(json.dumps(judge)),
    )


def metric_changes(before: Comparison, after: Comparison) -> list[MetricChange]:
    """Every pipeline and metric with at least one question whose value differs."""
    changes = []
    for pipeline in before.pipelines:
        metrics = {m for p, m in before.by_question if p == pipeline}
        # Version 0.1.0 did not judge single stages.
        metrics |= {m for p, m in after.by_question if p == pipeline and not stage_of(m)}
        for metric in in_order(metrics):
            old = before.by_question.get((pipeline, metric), {})
            new = after.by_question.get((pipeline, metric), {})
            changed = {
                question: (old.get(question), new.get(question))
                for question in dict.fromkeys((*old, *new))
                if not _same(old.get(question), new.get(question))
            }
            if changed:
                means = (_mean(old), _mean(new))
                changes.append(MetricChange(pipeline, metric, len(old), *means, changed))
    return changes


def hits_changes(before: Comparison, after: Comparison) -> list[HitsChange]:
    """Every slot whose hits differ in ids or scores, also where no metric differs."""
    changes = []
    for name, old in before.pipelines.items():
        new = after.pipelines[name]
        for stage in ("retrieved", "ranked"):
            pairs = list(_paired(getattr(old, stage), getattr(new, stage)))
            changed_ids = sum(_ids(a) != _ids(b) for a, b in pairs)
            largest = max((_largest(a, b) for a, b in pairs), default=0.0)
            if changed_ids or largest:
                changes.append(HitsChange(name, stage, len(pairs), changed_ids, largest))
    return changes


def answer_changes(before: Comparison, after: Comparison) -> dict[str, int]:
    """Pipeline -> on how many questions the text of its answer differs, without zeros."""
    counts = {}
    for name, old in before.pipelines.items():
        new = after.pipelines[name].answers or {}
        texts = {key: answer.text for key, answer in new.items()}
        count = sum(texts.get(key) != a.text for key, a in (old.answers or {}).items())
        if count:
            counts[name] = count
    return counts


def environment_changes(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """Differences of code, packages, machine and checkpoints of two manifests: key, before, after.

    Manifests of earlier versions lack some keys; only those they have are compared.
    """
    parts = (*_ENVIRONMENT, "sources") if "sources" in before else _ENVIRONMENT
    old, new = (
        dict(_flat({key: manifest[key] for key in parts if key in manifest}))
        for manifest in (before, after)
    )
    keys = dict.fromkeys((*old, *new) if "settings" in before else old)
    return [(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _same(a: float | None, b: float | None) -> bool:
    return a == b if a is None or b is None else abs(a - b) <= _EQUAL


def _mean(values: Mapping[str, float]) -> float:
    return sum(values.values()) / len(values) if values else 0.0


def _paired(
    old: Mapping[str, list[Hit]], new: Mapping[str, list[Hit]]
) -> Iterator[tuple[list[Hit], list[Hit]]]:
    for question, hits in old.items():
        yield hits, new.get(question, [])


def _ids(hits: list[Hit]) -> list[str]:
    return [hit.passage_id for hit in hits]


def _largest(old: list[Hit], new: list[Hit]) -> float:
    scores = {hit.passage_id: hit.score for hit in new}
    changes = (abs(scores[h.passage_id] - h.score) for h in old if h.passage_id in scores)
    return max(changes, default=0.0)
