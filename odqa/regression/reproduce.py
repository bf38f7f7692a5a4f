"""Run the same again from a run folder, and say what came out otherwise."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison
    from odqa.data.dataset import Dataset
    from odqa.types import Hit

#: Sums of floating-point numbers may be added in another order.
_EQUAL = 1e-9
#: Parts of a dataset by their key in the manifest, and what users call them.
_PARTS = {"corpus": "corpus", "question_set": "questions", "qrels": "qrels"}
_ENVIRONMENT = ("odqa", "code", "python", "machine", "versions")


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One metric of one pipeline: what each question was worth before and after.

    A side is `None` where a run has no row for the question.
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
    """One stage of one pipeline: on how many questions its ids differ, and by how much scores."""

    pipeline: str
    stage: str
    questions: int
    other_ids: int
    largest_score: float


def find_data(comparison: Comparison, cache: Cache) -> Dataset:
    """The data of a run, found by what its manifest keeps, and found unchanged.

    Raises:
        RunError: the folder does not say where its data came from.
        DataError: they are not there any more, or have another content.
    """
    about = comparison.manifest.get("dataset", {})
    if not about.get("origin"):
        raise RunError(
            "does not say where its data came from",
            where=str(comparison.folder),
            cure="name the same data with --data",
        )
    origin = Origin.from_dict(about["origin"])
    try:
        dataset = reopen(origin, cache)
    except DataError as error:
        cure = "bring it back, or say with --data where the same data lie now"
        raise DataError(error.what, where=error.where, cure=cure) from None
    return unchanged(dataset, about, origin.folder)


def cut_as(dataset: Dataset, about: Mapping[str, Any]) -> Dataset:
    """A whole dataset cut to the questions that a manifest's origin speaks of."""
    if not about.get("origin"):
        return dataset
    origin = Origin.from_dict(about["origin"])
    first = origin.config.get("take"), origin.config.get("seed")
    for n, seed in (first, *origin.takes):
        dataset = dataset.take(n, seed) if n is not None else dataset
    return dataset


def unchanged(dataset: Dataset, about: Mapping[str, Any], where: str) -> Dataset:
    """The dataset, if it is the one that a manifest speaks of.

    Raises:
        DataError: it is not, with the parts that differ.
    """
    if dataset.digest == about["digest"]:
        return dataset
    now = describe_data(dataset)
    parts = [word for key, word in _PARTS.items() if key in about and about[key] != now[key]]
    raise DataError(
        f"{' and '.join(parts) or 'the data'} changed since the run: digest {now['digest']}, "
        f"{now['questions']} questions, {now['passages']} passages; the run had "
        f"{about['digest']}, {about['questions']} questions, {about['passages']} passages",
        where=where,
        cure="bring the old files back, or name them with --data",
    )


def run_again(comparison: Comparison, dataset: Dataset, cache: Cache) -> Comparison:
    """The same pipelines, baseline and settings once more; no result is read from a cache.

    Args:
        cache: where offline work is kept.
    """
    return run_comparison(
        [result.spec for result in comparison.pipelines.values()],
        dataset,
        cache,
        name=comparison.name,
        baseline=comparison.baseline,
        latency=int(comparison.manifest.get("settings", {}).get("latency", 0)),
        results=Cache(enabled=False),
        explain=0,
    )


def metric_changes(before: Comparison, after: Comparison) -> list[MetricChange]:
    """Every pipeline and metric with at least one question that came out otherwise."""
    found = []
    for pipeline in before.pipelines:
        known = {m for p, m in before.by_question if p == pipeline}
        # Version 0.1.0 judged no single stages.
        known |= {m for p, m in after.by_question if p == pipeline and not stage_of(m)}
        for metric in in_order(known):
            old = before.by_question.get((pipeline, metric), {})
            new = after.by_question.get((pipeline, metric), {})
            changed = {
                question: (old.get(question), new.get(question))
                for question in dict.fromkeys((*old, *new))
                if not _same(old.get(question), new.get(question))
            }
            if changed:
                means = (_mean(old), _mean(new))
                found.append(MetricChange(pipeline, metric, len(old), *means, changed))
    return found


def hits_changes(before: Comparison, after: Comparison) -> list[HitsChange]:
    """Every stage whose hits differ in ids or scores, also where no metric noticed."""
    found = []
    for name, old in before.pipelines.items():
        new = after.pipelines[name]
        for stage in ("retrieved", "ranked"):
            pairs = list(_paired(getattr(old, stage), getattr(new, stage)))
            other = sum(_ids(a) != _ids(b) for a, b in pairs)
            largest = max((_largest(a, b) for a, b in pairs), default=0.0)
            if other or largest:
                found.append(HitsChange(name, stage, len(pairs), other, largest))
    return found


def other_answers(before: Comparison, after: Comparison) -> dict[str, int]:
    """Pipeline -> on how many questions the text of its answer differs, where any does."""
    found = {}
    for name, old in before.pipelines.items():
        new = after.pipelines[name].answers or {}
        texts = {key: answer.text for key, answer in new.items()}
        count = sum(texts.get(key) != a.text for key, a in (old.answers or {}).items())
        if count:
            found[name] = count
    return found


def environment_changes(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """What of code, packages and machine differs between two manifests: key, before, after.

    A manifest of an earlier version did not write everything down; only what it has is compared.
    """
    old, new = (
        dict(_flat({key: each[key] for key in _ENVIRONMENT if key in each}))
        for each in (before, after)
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
    both = (abs(scores[h.passage_id] - h.score) for h in old if h.passage_id in scores)
    return max(both, default=0.0)
