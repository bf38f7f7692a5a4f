"""What a figure was measured on, and the most that the machine can give."""

from __future__ import annotations

import copy
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from odqa.devices import device_name, fast_bfloat16, pick_device
from odqa.retro.model.prepacked import prepack

PEAK_SIZE = 2048
NO_BFLOAT16 = "no bfloat16 instructions on this CPU"


def formats(device: torch.device) -> list[str]:
    """Number formats that the device multiplies in hardware, by torch's names."""
    return ["float32", *(["bfloat16"] if fast_bfloat16(device) else [])]


def facts(device: torch.device, threads: int, peaks: Mapping[str, float]) -> str:
    """One paragraph; ``peaks`` as by `matrix_peak`, for each number format."""
    cores = os.cpu_count()
    where = device_name(device) if device.type == "cuda" else processor()
    bfloat16 = "bfloat16 in hardware" if fast_bfloat16(device) else NO_BFLOAT16
    reached = ", ".join(f"{peak:.1f} GFLOP/s in {name}" for name, peak in peaks.items())
    return (
        f"{where}, {cores} cores, {threads} threads, torch {torch.__version__}, {bfloat16}; "
        f"its matrix products reach {reached} ({PEAK_SIZE} × {PEAK_SIZE}, best of five)."
    )


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's own name, else what the platform calls it."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def matrix_peak(device: torch.device, threads: int, dtype: str = "float32") -> float:
    """GFLOP/s of a square product, best of five; on a CPU the better of BLAS and oneDNN, with
    weights laid out for it."""
    torch.set_num_threads(threads)
    linear = nn.Linear(PEAK_SIZE, PEAK_SIZE, bias=False, device=device, dtype=getattr(torch, dtype))
    ways = nn.ModuleList([linear, nn.Sequential(copy.deepcopy(linear))])
    prepack(ways[1])
    a, best = linear.weight.detach(), float("inf")
    with torch.inference_mode():
        for way in [*ways] * 6:
            began = time.perf_counter()
            way(a)
            if device.type == "cuda":
                torch.cuda.synchronize()
            best = min(best, time.perf_counter() - began)
    return 2 * PEAK_SIZE**3 / best / 1e9


def chosen(wish: str) -> torch.device:
    """``auto``, ``cpu`` or ``cuda``."""
    return pick_device("cpu" if wish == "cpu" else "cuda" if wish == "cuda" else "auto")
