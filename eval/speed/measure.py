"""Interleaved repetitions, and what is said of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from eval.speed.worker import Reply, Worker
from odqa.progress import progress


@dataclass(frozen=True)
class Measured:
    """Runs of one side, the warm-up left out."""

    name: str
    replies: tuple[Reply, ...]

    @property
    def seconds(self) -> float:
        """Median."""
        return statistics.median(reply.seconds for reply in self.replies)

    @property
    def spread(self) -> tuple[float, float]:
        """Fastest and slowest, in seconds."""
        every = [reply.seconds for reply in self.replies]
        return min(every), max(every)

    @property
    def peak_mb(self) -> float:
        """High-water mark of the process."""
        return max(reply.peak_mb for reply in self.replies)


def interleave(workers: Sequence[Worker], repetitions: int, title: str) -> dict[str, Measured]:
    """Let the workers take turns; one run each beforehand, as warm-up, is not kept."""
    runs: dict[str, list[Reply]] = {worker.name: [] for worker in workers}
    turns = [worker for _ in range(repetitions + 1) for worker in workers]
    for worker in progress(turns, title, unit="run"):
        runs[worker.name].append(worker.run())
    return {name: Measured(name, tuple(replies[1:])) for name, replies in runs.items()}


def ratios(slow: Measured, fast: Measured) -> tuple[float, float, float]:
    """How many times as fast: median, least and greatest over the rounds.

    Both sides of a round ran one after the other, so what slows the machine for a while slows
    both.
    """
    each = [a.seconds / b.seconds for a, b in zip(slow.replies, fast.replies, strict=True)]
    return statistics.median(each), min(each), max(each)
