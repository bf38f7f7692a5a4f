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


def pick_device(device: Device) -> torch.device:
    """The device to use: ``auto`` takes a GPU where there is one.

    Raises:
        EnvironmentProblem: no such device in this machine, or no such name.
    """
    import torch

    kind, colon, index = device.partition(":")
    where = f"device: {device}"
    numbered = kind == "cuda" and bool(index)
    if kind not in ("cpu", "auto", "cuda", "mps") or (colon and not numbered):
        raise EnvironmentProblem(
            "no device", where=where, cure="use cpu, auto, cuda, cuda:1 and so on, or mps"
        )
    if kind == "cpu":
        return torch.device("cpu")
    if kind == "mps":
        if torch.backends.mps.is_available():
            return torch.device("mps")
        raise EnvironmentProblem("torch sees no Apple GPU", where=where, cure="use device: cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", *_index(index, where))
    if kind == "cuda":
        raise EnvironmentProblem(
            "torch sees no GPU",
            where=where,
            cure="use device: auto, or install a CUDA build of torch",
        )
    return torch.device("cpu")


def _index(index: str, where: str) -> tuple[int, ...]:
    """The number of a GPU, if one is named."""
    import torch

    if not index:
        return ()
    count = torch.cuda.device_count()
    if not index.isdecimal() or int(index) >= count:
        gpus = "cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise EnvironmentProblem(
            f"torch sees {count} GPU{'' if count == 1 else 's'}", where=where, cure=f"use {gpus}"
        )
    return (int(index),)


def compute_dtype(device: torch.device, precision: Precision = "auto") -> torch.dtype:
    """The number format; ``auto`` is bf16 on a GPU and fp32 on the CPU.

    bf16 on a CPU is two to four times as fast where the processor supports it; fp32 is the
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

    False where torch is too old to list the CPU's instructions, or where oneDNN is configured not
    to use them.
    """
    import torch

    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    instructions = getattr(torch.cpu, "get_capabilities", dict[str, bool])()
    return any(instructions.get(name, False) for name in CPU_BFLOAT16) and _onednn_takes_bfloat16()


def _onednn_takes_bfloat16() -> bool:
    """Whether oneDNN, which computes the products, uses bf16; unlike the list of the CPU's
    instructions this depends on ``ONEDNN_MAX_CPU_ISA``. True where torch cannot tell.
    """
    import torch

    return bool(getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)())


def device_and_dtype(device: Device, precision: Precision) -> tuple[torch.device, torch.dtype]:
    """The device and dtype of a model, by these two parameters of its component.

    Raises:
        EnvironmentProblem: as `pick_device`.
    """
    picked = pick_device(device)
    return picked, compute_dtype(picked, precision)


def device_facts(device: torch.device, dtype: torch.dtype) -> dict[str, str]:
    """Device and dtype as reports show them."""
    return {"device": device_name(device), "dtype": str(dtype).removeprefix("torch.")}


def device_identity(device: torch.device) -> dict[str, str]:
    """For cache keys of what a model computed: nothing for the CPU, on which most is computed."""
    return {} if device.type == "cpu" else {"device": device.type}


def device_name(device: torch.device) -> str:
    """How tables call the device: ``cpu``, or the GPU's own name."""
    import torch

    return str(torch.cuda.get_device_name(device)) if device.type == "cuda" else device.type
