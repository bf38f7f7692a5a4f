"""Energy counters of NVIDIA GPUs, from the NVML library of their driver.

Its functions (NVML API reference, "Device Queries"; energy since Volta) are called without a
Python package.
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
        millijoules = ctypes.c_ulonglong()
        code = self._library.nvmlDeviceGetTotalEnergyConsumption(
            self._handle, ctypes.byref(millijoules)
        )
        if code:
            raise OSError(f"NVML error {code}")
        return millijoules.value / 1e3


def open_gpus(library: Any = None) -> list[Gpu]:
    """The GPUs that this process may use (``CUDA_VISIBLE_DEVICES``) and that report energy."""
    try:
        library = library or ctypes.CDLL(_LIBRARY)
    except OSError:
        return []
    count = ctypes.c_uint()
    if library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return []
    gpus = []
    for device in _visible(count.value):
        handle = ctypes.c_void_p()
        if device.isdecimal():
            failed = library.nvmlDeviceGetHandleByIndex_v2(int(device), ctypes.byref(handle))
        else:
            failed = library.nvmlDeviceGetHandleByUUID(device.encode(), ctypes.byref(handle))
        gpu = Gpu(library, handle, f"NVML GPU {device}")
        if not failed and _reports(gpu):
            gpus.append(gpu)
    return gpus


def _visible(count: int) -> list[str]:
    devices = os.environ.get("CUDA_VISIBLE_DEVICES")
    if devices is None:
        return [str(number) for number in range(count)]
    return [device.strip() for device in devices.split(",") if device.strip() not in ("", "-1")]


def _reports(gpu: Gpu) -> bool:
    try:
        gpu.joules()
    except OSError:
        return False
    return True
