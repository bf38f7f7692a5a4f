"""The options that every part takes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from eval.speed.machine import chosen, facts, formats, matrix_peak
from eval.speed.results import RESULTS


@dataclass(frozen=True)
class Options:
    """Where and how often; ``peaks`` are in GFLOP/s, for each number format of the device."""

    device: torch.device
    threads: int
    repetitions: int
    out: Path
    peer: Path | None
    peaks: Mapping[str, float]

    @property
    def machine(self) -> str:
        """The paragraph about the machine."""
        return facts(self.device, self.threads, self.peaks)

    @property
    def settings(self) -> dict[str, object]:
        """What every worker is told."""
        return {"threads": self.threads, "device": self.device.type}


def parse(description: str, *, repetitions: int, peer: bool = False) -> Options:
    """Read the command line, and measure the machine's peak."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repetitions", type=int, default=repetitions)
    parser.add_argument("--out", type=Path, default=RESULTS, help="Markdown file to write into")
    if peer:
        parser.add_argument(
            "--peer", type=Path, required=True, help="environment made by setup_peer.sh"
        )
    found = parser.parse_args()
    python = found.peer / "bin" / "python" if peer else None
    if python is not None and not python.exists():
        parser.error(f"no environment in {found.peer}: sh eval/speed/setup_peer.sh {found.peer}")
    if found.threads < 1 or found.repetitions < 1:
        parser.error("--threads and --repetitions must be at least 1")
    device = chosen(found.device)
    peaks = {name: matrix_peak(device, found.threads, name) for name in formats(device)}
    return Options(device, found.threads, found.repetitions, found.out, python, peaks)
