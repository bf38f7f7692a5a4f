"""Where models run and in which number format: fp32 on the CPU, bf16 on a GPU."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from odqa.errors import EnvironmentProblem
from odqa.interfaces import Device, Precision

if TYPE_CHECKING:
    import torch

_LOG = logging.getLogger(__name__)

CPU_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""Instruction sets, x86 then ARM, with a product of bf16 numbers."""


def pick_device(wish: Device) -> torch.device:
    """The device to use: ``auto`` takes a GPU where there is one.

    Raises:
        EnvironmentProblem: ``cuda`` is asked for and torch sees no GPU.
    """
    import torch

    if wish == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if wish == "cuda":
        raise EnvironmentProblem(
            "torch sees no GPU",
            where="device: cuda",
            cure="use device: auto, or install a CUDA build of torch",
        )
    return torch.device("cpu")


def compute_dtype(device: torch.device, precision: Precision = "auto") -> torch.dtype:
    """What was asked for; ``auto`` is bf16 on a GPU and fp32 on the CPU.

    bf16 on a CPU pays where the processor has it (two to four times the speed); fp32 is the
    default there because results are then the same on every machine.
    """
    import torch

    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if precision == "float32":
        return torch.float32
    if not fast_bfloat16(device):
        _warn_of_emulation(device.type)
    return torch.bfloat16


@cache
def _warn_of_emulation(kind: str) -> None:
    _LOG.warning("precision: bfloat16 is emulated on this %s, much slower than float32", kind)


def fast_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 in hardware; a CPU that does not takes far longer than
    in fp32, since torch then converts every number both ways.

    A torch too old to name a CPU's instructions counts as no, and so does a oneDNN that was told
    to leave them alone.
    """
    import torch

    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    instructions = getattr(torch.cpu, "get_capabilities", dict[str, bool])()
    return any(instructions.get(name, False) for name in CPU_BFLOAT16) and _onednn_takes_bfloat16()


def _onednn_takes_bfloat16() -> bool:
    """What the library that computes the products says; it obeys ``ONEDNN_MAX_CPU_ISA``, of which
    the list of the CPU's instructions knows nothing. A torch that has no such question is believed.
    """
    import torch

    return bool(getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)())


def device_and_dtype(device: Device, precision: Precision) -> tuple[torch.device, torch.dtype]:
    """Where a model goes by these two parameters of its component.

    Raises:
        EnvironmentProblem: as `pick_device`.
    """
    picked = pick_device(device)
    return picked, compute_dtype(picked, precision)


def device_facts(device: torch.device, dtype: torch.dtype) -> dict[str, str]:
    """Both as reports show them."""
    return {"device": device_name(device), "dtype": str(dtype).removeprefix("torch.")}


def device_name(device: torch.device) -> str:
    """How tables call the device: ``cpu``, or the GPU's own name."""
    import torch

    return str(torch.cuda.get_device_name(device)) if device.type == "cuda" else device.type
