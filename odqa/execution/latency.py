"""Seconds per question when questions come one at a time, as from a user.

Measured apart from the batched run, over distinct questions, after a warm-up that does not count,
and never from cached results; where an endpoint's answer comes from the cache, the seconds that it
took when it was asked for are added. Measurements are cached with the results: a rerun that
computes nothing measures nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from odqa.cache import Cache
from odqa.data.dataset import Dataset
from odqa.execution.pipeline import Pipeline
from odqa.progress import progress
from odqa.spec.pipeline import PipelineSpec

#: Questions run before measuring starts; not the measured ones where there are enough others.
WARM_UP = 3
#: Measuring stops after so many seconds, but not before `FEWEST` questions.
SECONDS, FEWEST = 30.0, 5
_FILE = "latency.json"


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of every measured question by stage id, in the order of ``questions``."""

    questions: tuple[str, ...]
    seconds: Mapping[str, tuple[float, ...]]

    def total(self) -> tuple[float, ...]:
        """Whole-pipeline seconds of each question."""
        return tuple(sum(parts) for parts in zip(*self.seconds.values(), strict=True))

    def of(self, stage: str) -> tuple[float, ...]:
        """Seconds of one stage; empty where it was not measured."""
        return self.seconds.get(stage, ())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "questions": list(self.questions),
            "seconds": {stage: list(seconds) for stage, seconds in self.seconds.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Latency:
        """The inverse of `to_dict`."""
        seconds = {stage: tuple(values) for stage, values in data["seconds"].items()}
        return cls(tuple(data["questions"]), seconds)


def cached_latency(
    spec: PipelineSpec,
    dataset: Dataset,
    cache: Cache,
    n: int,
    *,
    keys: Mapping[str, str],
    results: Cache | None = None,
) -> Latency:
    """`measure_latency`, or its cached result for the same stages.

    Args:
        keys: id of every stage -> the key of its results.
        results: a cache to use instead of ``cache``.
    """
    identity = {"stages": dict(keys), "questions": n, "seconds": SECONDS, "version": 1}

    def build(work: Path) -> None:
        measured = measure_latency(spec, dataset, cache, n)
        (work / _FILE).write_text(json.dumps(measured.to_dict()), encoding="utf-8")

    folder = (results or cache).artifact("latency", identity, build)
    return Latency.from_dict(json.loads((folder / _FILE).read_text(encoding="utf-8")))


def measure_latency(spec: PipelineSpec, dataset: Dataset, cache: Cache, n: int) -> Latency:
    """Run ``n`` distinct questions (all, if there are fewer) one by one, end to end.

    Fewer if that takes more than `SECONDS`, but no fewer than `FEWEST`.
    """
    questions = dataset.questions.questions
    pipeline = Pipeline.from_spec(spec)
    measured: list[str] = []
    seconds: dict[str, list[float]] = {node.id: [] for node in spec.graph.nodes}
    try:
        pipeline.prepare(dataset.corpus, cache)
        for question in questions[n : n + WARM_UP] or questions[:WARM_UP]:
            pipeline.run([question])
        started = time.perf_counter()
        sample = questions[:n]
        for question in progress(sample, f"latency {spec.name}", len(sample), "question"):
            if len(measured) >= FEWEST and time.perf_counter() - started > SECONDS:
                break
            output = pipeline.run([question])
            for stage, spent in output.seconds.items():
                usage = output.usage.get(stage)
                seconds[stage].append(spent + (usage.seconds_then if usage else 0.0))
            measured.append(question.id)
    finally:
        pipeline.close()
    return Latency(tuple(measured), {stage: tuple(values) for stage, values in seconds.items()})


def percentile(values: Sequence[float], q: float) -> float:
    """The nearest-rank percentile (a value that was really measured); ``q`` in 0..100."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * q // 100))
    return ordered[int(rank) - 1]
