"""What threads that sleep, search by products and smaller batches gain, each against how it was.

python -m eval.speed.quick_gains

Takes some five minutes on two cores, and prints a table; nothing else should run beside it, or the
first round alone takes longer. Every part is timed on a quiet machine, and again while another
process keeps one core busy.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from eval.speed.machine import processor
from eval.speed.measure import Measured, ratios
from eval.speed.results import spread, table
from eval.speed.worker import Reply, Worker
from odqa.threads import wait_asleep

SIDE = "eval.speed.quick_gains_side"
#: How threads wait; taken from the environment of sides that are as before.
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
HEADER = ("", "machine", "before, s", "now, s", "times as fast", "same results")


@dataclass(frozen=True)
class Part:
    """What is timed, and what its sides are told; ``waits``: that one of them spins."""

    title: str
    settings: Mapping[str, Any]
    waits: bool = field(default=False)


PARTS = (
    Part(
        "threads: 20 single questions",
        {"part": "questions", "n": 20, "pipeline": "embedded/sbert-colbert"},
        waits=True,
    ),
    Part("search: 32 questions at once, 20 times", {"part": "search", "n": 32, "times": 20}),
    Part("search: one question, 20 times", {"part": "search", "n": 1, "times": 20}),
    Part(
        "batches: 128 passages",
        {"part": "encoding", "n": 128, "checkpoint": "embedded:minilm"},
    ),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repetitions", type=int, default=5, help="rounds of a part, at most")
    parser.add_argument(
        "--seconds", type=float, default=240.0, help="after which no round begins; loading apart"
    )
    found = parser.parse_args()
    if found.threads < 1 or found.repetitions < 1:
        parser.error("--threads and --repetitions must be at least 1")
    sys.stdout.write(f"{processor()}, {os.cpu_count()} cores, {found.threads} threads\n")
    share = found.seconds / len(PARTS) / 2
    rows: list[list[str]] = []
    for part in PARTS:
        with ExitStack() as stack:
            sides = [stack.enter_context(_side(part, found.threads, former)) for former in (1, 0)]
            for state in ("quiet", "busy"):
                with busy() if state == "busy" else ExitStack():
                    former, now = alternate(sides, found.repetitions, share)
                rows.append(row(part.title, state, former, now))
    sys.stdout.write(table(HEADER, rows) + "\n")


def alternate(sides: Sequence[Worker], repetitions: int, seconds: float) -> list[Measured]:
    """Let the sides take turns, once at least, until either bound is met."""
    rounds: list[list[Reply]] = []
    began = time.perf_counter()
    while not rounds or (len(rounds) < repetitions and time.perf_counter() - began < seconds):
        rounds.append([side.run() for side in sides])
    columns = zip(*rounds, strict=True)
    return [Measured(side.name, column) for side, column in zip(sides, columns, strict=True)]


#: Ends with the process that is named to it, also when that is killed.
_BUSY = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): pass"


@contextmanager
def busy() -> Iterator[None]:
    """Another process that keeps a core busy for as long."""
    other = subprocess.Popen([sys.executable, "-c", _BUSY, str(os.getpid())])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def row(title: str, state: str, former: Measured, now: Measured) -> list[str]:
    """Medians, their ratio with its least and greatest, and whether all runs found the same."""
    found = {reply.more["found"] for side in (former, now) for reply in side.replies}
    return [
        title,
        state,
        spread(former.seconds, *former.spread, form=".3g"),
        spread(now.seconds, *now.spread, form=".3g"),
        spread(*ratios(former, now)),
        "yes" if len(found) == 1 else "NO",
    ]


def _side(part: Part, threads: int, former: int) -> Worker:
    """A side as before, or as now; in parts that are not about waiting, threads sleep in both."""
    for name in WAITING:
        os.environ.pop(name, None)
    if not (part.waits and former):
        wait_asleep()
    settings = {**part.settings, "threads": threads, "former": bool(former)}
    return Worker("before" if former else "now", SIDE, settings)


if __name__ == "__main__":
    main()
