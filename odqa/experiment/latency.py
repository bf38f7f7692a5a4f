"""Seconds per question when questions come one at a time, as a user would ask them.

Measured apart from the batched run, over distinct questions, after a warm-up that does not
count, and never from cached results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from odqa.cache import Cache
from odqa.data.dataset import Dataset
from odqa.pipeline import Pipeline
from odqa.progress import progress
from odqa.registry import Role
from odqa.spec.pipeline import PipelineSpec

#: Questions asked before measuring starts, others than the measured ones where there are enough.
WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Latency:
    """Per measured question and stage, in seconds; lists run in parallel over ``questions``."""

    questions: tuple[str, ...]
    seconds: Mapping[Role, tuple[float, ...]]

    def total(self) -> tuple[float, ...]:
        """Whole-pipeline seconds of each question."""
        return tuple(sum(parts) for parts in zip(*self.seconds.values(), strict=True))


def measure_latency(spec: PipelineSpec, dataset: Dataset, cache: Cache, n: int) -> Latency:
    """Ask ``n`` distinct questions (all, where there are fewer) one by one, from end to end."""
    questions = dataset.questions.questions
    measured = questions[:n]
    warm_up = questions[n : n + WARM_UP] or questions[:WARM_UP]
    pipeline = Pipeline.from_spec(spec)
    try:
        pipeline.prepare(dataset.corpus, cache)
        for question in warm_up:
            pipeline.run([question])
        seconds: dict[Role, list[float]] = {stage.role: [] for stage in spec.stages}
        for question in progress(measured, f"latency {spec.name}", len(measured), "question"):
            for role, spent in pipeline.run([question]).seconds.items():
                seconds[role].append(spent)
    finally:
        pipeline.close()
    return Latency(
        tuple(q.id for q in measured), {role: tuple(all_) for role, all_ in seconds.items()}
    )


def percentile(values: Sequence[float], q: float) -> float:
    """The nearest-rank percentile (a value that was really measured); ``q`` in 0..100."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * q // 100))
    return ordered[int(rank) - 1]
