"""Energy counters of NVIDIA GPUs, from the library that comes with their driver.

Four functions of NVML (its API reference, "Device Queries"; energy since Volta) need no package.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

_LIBRARY = "libnvidia-ml.so.1"


class Gpu:
    """One GPU: millijoules since its driver was loaded."""

    def __init__(self, library: Any, handle: ctypes.c_void_p, name: str) -> None:
        self._library, self._handle, self.name = library, handle, name

    def joules(self) -> float:
        """Joules since the driver was loaded.

        Raises:
            OSError: this GPU does not report its energy.
        """
        found = ctypes.c_ulonglong()
        code = self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle, ctypes.byref(found))
        if code:
            raise OSError(f"NVML error {code}")
        return found.value / 1e3


def open_gpus(library: Any = None) -> list[Gpu]:
    """The GPUs that this process may use (``CUDA_VISIBLE_DEVICES``) and that report energy."""
    try:
        library = library or ctypes.CDLL(_LIBRARY)
    except OSError:
        return []
    count = ctypes.c_uint()
    if library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return []
    found = []
    for word in _visible(count.value):
        handle = ctypes.c_void_p()
        if word.isdecimal():
            failed = library.nvmlDeviceGetHandleByIndex_v2(int(word), ctypes.byref(handle))
        else:
            failed = library.nvmlDeviceGetHandleByUUID(word.encode(), ctypes.byref(handle))
        gpu = Gpu(library, handle, f"NVML GPU {word}")
        if not failed and _reports(gpu):
            found.append(gpu)
    return found


def _visible(count: int) -> list[str]:
    words = os.environ.get("CUDA_VISIBLE_DEVICES")
    if words is None:
        return [str(number) for number in range(count)]
    return [word.strip() for word in words.split(",") if word.strip() not in ("", "-1")]


def _reports(gpu: Gpu) -> bool:
    try:
        gpu.joules()
    except OSError:
        return False
    return True
