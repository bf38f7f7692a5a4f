"""One side of a comparison in a process of its own, which answers one timed run per request.

Processes live side by side and take turns, so that both sides see the same machine, and each has
its own high-water mark of memory. Nothing here needs odqa: the peer's environment lacks it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

Job = Callable[[], Mapping[str, Any] | None]
"""One run; may return more to report."""

Build = Callable[[Mapping[str, Any]], tuple[Job, Mapping[str, Any]]]
"""Settings to a job and facts about it, both ready before the first run."""


@dataclass(frozen=True)
class Reply:
    """``seconds`` of one run; ``peak_mb`` (10^6 bytes) is the process's high-water mark."""

    seconds: float
    peak_mb: float
    more: Mapping[str, Any] = field(default_factory=dict)


PROFILE = "profile"


class WorkerProblem(RuntimeError):
    """The process ended before it answered."""


def serve(build: Build) -> None:
    """Child side: settings on the first line, then a run (or a profile) for every further line."""
    # Whatever libraries print must not get between the replies.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(message: Mapping[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    imported = peak_megabytes()
    job, facts = build(json.loads(sys.stdin.readline()))
    say({**facts, "imported_mb": imported})
    for line in sys.stdin:
        if line.strip() == PROFILE:
            say(shares(job))
            continue
        began = time.perf_counter()
        more = job()
        seconds = time.perf_counter() - began
        say(dataclasses.asdict(Reply(seconds, peak_megabytes(), dict(more or {}))))


def shares(job: Job) -> dict[str, float]:
    """Which part of one run's time each kind of operation takes itself, largest first."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as seen:
        job()
    each = {event.key: event.self_cpu_time_total for event in seen.key_averages()}
    whole = sum(each.values()) or 1.0
    return {name: each[name] / whole for name in sorted(each, key=each.__getitem__, reverse=True)}


def peak_megabytes() -> float:
    """High-water mark of this process: of GPU memory where it used any, else resident memory."""
    import torch

    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated() / 1e6
    high = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return high * (1 if sys.platform == "darwin" else 1024) / 1e6


class Worker:
    """Parent side of one process; a context manager."""

    def __init__(
        self, name: str, module: str, settings: Mapping[str, Any], python: Path | None = None
    ) -> None:
        self.name = name
        threads = str(settings.get("threads", 1))
        self._process = subprocess.Popen(
            [str(python or sys.executable), "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
        )
        self.facts = self._ask(json.dumps(settings))

    def run(self) -> Reply:
        """One timed run."""
        return Reply(**self._ask("run"))

    def profile(self) -> dict[str, float]:
        """What `shares` says of one more run, which is not timed."""
        return self._ask(PROFILE)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _ask(self, line: str) -> dict[str, Any]:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = process.stdout.readline()
        if not answer:
            raise WorkerProblem(f"{self.name}: ended with exit code {process.wait()}")
        reply: dict[str, Any] = json.loads(answer)
        return reply
