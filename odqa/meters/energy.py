"""Energy from counters of the hardware: RAPL of the processor, NVML of NVIDIA GPUs.

Both count everything that runs on the same processor or GPU, not this process alone. A machine
that does not let us read them reports nothing, and nothing is put in their place: virtual machines
have no RAPL, and Linux lets only root read it (``/sys/class/powercap/*/energy_uj``) until root
gives others the right.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Protocol

from odqa.meters.nvml import open_gpus

_POWERCAP = Path("/sys/class/powercap")
#: A package counter of 65 kJ at 300 W goes round in under four minutes.
_LOOK_EVERY_SECONDS = 30.0


class EnergyCounter(Protocol):
    """A counter that only rises."""

    name: str

    def joules(self) -> float:
        """Joules since the counter was opened, or since any other fixed moment."""


class RaplZone:
    """One powercap zone: its register in microjoules goes round at its range."""

    def __init__(self, folder: Path) -> None:
        self._register = folder / "energy_uj"
        self._range = int((folder / "max_energy_range_uj").read_text())
        self.name = f"RAPL {(folder / 'name').read_text().strip()}"
        self._last = int(self._register.read_text())
        self._total = 0
        self._lock = threading.Lock()

    def joules(self) -> float:
        """Joules since this object was made; right while nobody waits for a whole round."""
        with self._lock:
            now = int(self._register.read_text())
            risen = now - self._last
            self._total += risen if risen >= 0 else risen + self._range
            self._last = now
            return self._total / 1e6


def rapl_zones(root: Path = _POWERCAP) -> list[RaplZone]:
    """Packages and their memory, as far as they can be read.

    Cores and graphics are parts of their package, and psys contains all of it: none is counted
    twice.
    """
    found = []
    for folder in sorted(root.glob("intel-rapl:*")):
        try:
            name = (folder / "name").read_text().strip()
            if name.startswith("package") or name == "dram":
                found.append(RaplZone(folder))
        except (OSError, ValueError):
            continue
    return found


@cache
def energy_counters() -> tuple[EnergyCounter, ...]:
    """All counters of this machine; opened once, and then looked at often enough."""
    zones = rapl_zones()
    if zones:
        threading.Thread(target=_keep_looking, args=(zones,), daemon=True, name="rapl").start()
    return (*zones, *open_gpus())


def _keep_looking(zones: list[RaplZone]) -> None:
    pause = threading.Event()
    while not pause.wait(_LOOK_EVERY_SECONDS):
        for zone in zones:
            zone.joules()


def counter_names() -> str:
    """Which counters are read, for manifests; empty when the machine reports no energy."""
    return " + ".join(counter.name for counter in energy_counters())
