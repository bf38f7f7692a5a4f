"""Energy from counters of the hardware: RAPL of the processor, NVML of NVIDIA GPUs.

Both count everything that runs on the same processor or GPU, not this process alone. Where they
cannot be read, no energy is reported and none is estimated: virtual machines have no RAPL, and on
Linux only root can read it (``/sys/class/powercap/*/energy_uj``) until root permits others.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Protocol

from odqa.meters.nvml import open_gpus

_POWERCAP = Path("/sys/class/powercap")
#: A package counter with a range of 65 kJ overflows in under four minutes at 300 W.
_POLL_SECONDS = 30.0


class EnergyCounter(Protocol):
    """A counter that never falls."""

    name: str

    def joules(self) -> float:
        """Joules since the counter was opened, or since any other fixed moment."""


class RaplZone:
    """One powercap zone: its register in microjoules starts again at 0 after its range."""

    def __init__(self, folder: Path) -> None:
        self._register = folder / "energy_uj"
        self._range = int((folder / "max_energy_range_uj").read_text())
        self.name = f"RAPL {(folder / 'name').read_text().strip()}"
        self._last = int(self._register.read_text())
        self._total = 0
        self._lock = threading.Lock()

    def joules(self) -> float:
        """Joules since this object was made; correct when read at least once per overflow."""
        with self._lock:
            now = int(self._register.read_text())
            rise = now - self._last
            self._total += rise if rise >= 0 else rise + self._range
            self._last = now
            return self._total / 1e6


def rapl_zones(root: Path = _POWERCAP) -> list[RaplZone]:
    """Packages and their memory, as far as they can be read.

    Cores and graphics are parts of their package, and psys contains all of them: they are left
    out, so that nothing is counted twice.
    """
    zones = []
    for folder in sorted(root.glob("intel-rapl:*")):
        try:
            name = (folder / "name").read_text().strip()
            if name.startswith("package") or name == "dram":
                zones.append(RaplZone(folder))
        except (OSError, ValueError):
            continue
    return zones


@cache
def energy_counters() -> tuple[EnergyCounter, ...]:
    """All counters of this machine; opened once, then read often enough to see every overflow."""
    zones = rapl_zones()
    if zones:
        threading.Thread(target=_poll, args=(zones,), daemon=True, name="rapl").start()
    return (*zones, *open_gpus())


def _poll(zones: list[RaplZone]) -> None:
    pause = threading.Event()
    while not pause.wait(_POLL_SECONDS):
        for zone in zones:
            zone.joules()


def counter_names() -> str:
    """Which counters are read, for manifests; empty when the machine reports no energy."""
    return " + ".join(counter.name for counter in energy_counters())
