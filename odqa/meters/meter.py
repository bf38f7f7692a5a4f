"""A context manager that measures the time, memory and energy of a block.

::

    with Meter() as meter:
        work()
    meter.spent.seconds, meter.spent.peak_bytes, meter.spent.joules
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from types import TracebackType
from typing import Any, Self

from odqa.meters.energy import EnergyCounter, counter_names, energy_counters
from odqa.meters.memory import take_gpu_peak, take_peak
from odqa.meters.usage import Usage, tally

_OPEN: list[Meter] = []
_LOCK = threading.RLock()


@dataclass(frozen=True, slots=True)
class Spent:
    """Time, memory and energy of some work; `None` where the machine did not report a value.

    ``seconds`` is wall time. ``peak_bytes`` is the highest resident set of the whole process
    while the work ran, ``gpu_peak_bytes`` the most that torch had allocated on the GPU. ``joules``
    is the rise of ``counters`` (their names): the energy of processor and GPUs, used by this and
    by all other processes. ``usage`` is what language models were asked for; `None`: nothing.
    """

    seconds: float = 0.0
    peak_bytes: int | None = None
    gpu_peak_bytes: int | None = None
    joules: float | None = None
    counters: str = ""
    usage: Usage | None = None

    def __add__(self, other: Spent) -> Spent:
        """One piece of work after another; a value missing in one part is missing in the sum."""
        if NOTHING in (self, other):
            return other if self == NOTHING else self
        same_counters = self.counters == other.counters
        joules = None
        if same_counters and self.joules is not None and other.joules is not None:
            joules = self.joules + other.joules
        return Spent(
            self.seconds + other.seconds,
            _larger(self.peak_bytes, other.peak_bytes),
            _larger(self.gpu_peak_bytes, other.gpu_peak_bytes),
            joules,
            self.counters if same_counters else "",
            _sum_of(self.usage, other.usage),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; no ``usage`` where there was none."""
        values = asdict(self)
        return values if self.usage is not None else {k: values[k] for k in values if k != "usage"}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Spent:
        """From a mapping with at least ``seconds``; unknown keys are ignored."""
        values = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        if values.get("usage") is not None:
            values["usage"] = Usage.from_dict(values["usage"])
        return cls(**{"seconds": data["seconds"], **values})


#: The start of every sum.
NOTHING = Spent()


class Meter:
    """Measures the block; meters may be nested and used from several threads."""

    def __init__(self) -> None:
        self.spent = NOTHING
        self.peak: int | None = None
        self.gpu_peak: int | None = None

    def __enter__(self) -> Self:
        with _LOCK:
            # The process has one record of its peak: every open meter takes it before the reset.
            _share_peaks()
            _OPEN.append(self)
        self._before = [_read(counter) for counter in energy_counters()]
        self._stack = ExitStack()
        self._tally = self._stack.enter_context(tally())
        self._started = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        self.spent = self.so_far()
        with _LOCK:
            _OPEN.remove(self)

    def so_far(self) -> Spent:
        """What the block has spent until now."""
        seconds = time.perf_counter() - self._started
        after = [_read(counter) for counter in energy_counters()]
        with _LOCK:
            _share_peaks()
        joules = _rise(self._before, after)
        counters = counter_names() if joules is not None else ""
        return Spent(seconds, self.peak, self.gpu_peak, joules, counters, self._tally.usage)


def _share_peaks() -> None:
    peak, gpu_peak = take_peak(), take_gpu_peak()
    for meter in _OPEN:
        # A meter that has no peak yet takes this one.
        meter.peak = max(filter(None, (meter.peak, peak)), default=None)
        meter.gpu_peak = max(filter(None, (meter.gpu_peak, gpu_peak)), default=None)


def _read(counter: EnergyCounter) -> float | None:
    try:
        return counter.joules()
    except (OSError, ValueError):
        return None


def _rise(before: list[float | None], after: list[float | None]) -> float | None:
    if not before:
        return None
    total = 0.0
    for start, end in zip(before, after, strict=True):
        if start is None or end is None:
            return None
        total += end - start
    return total


def _sum_of(a: Usage | None, b: Usage | None) -> Usage | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _larger(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else max(a, b)
