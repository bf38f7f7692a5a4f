"""The number format of a training's forward passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from odqa.devices import fast_bfloat16
from odqa.training.recipes import OptimPart


@contextmanager
def forward_precision(optim: OptimPart, device: torch.device | None = None) -> Iterator[None]:
    """A context in which products are in bfloat16, or in float32.

    A recipe that does not say gets bfloat16 where the processor has instructions for it: without
    them it is emulated, tens of times slower than float32.
    """
    device = device or torch.device("cpu")
    enabled = fast_bfloat16(device) if optim.bf16 is None else optim.bf16
    on_cpu = enabled and device.type == "cpu"
    attention = _attention_in_bfloat16() if on_cpu else nullcontext()
    with torch.autocast(device.type, torch.bfloat16, enabled=enabled), attention:
        yield


@contextmanager
def _attention_in_bfloat16() -> Iterator[None]:
    """Attention as plain bfloat16 products: torch's fused kernel for CPUs multiplies no faster in
    bfloat16 than in float32, and its backward pass takes longer than all other products together.
    """
    reduced = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()  # type: ignore[no-untyped-call]
    # In spite of its name the switch holds for CPUs too; without it the products are in float32.
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(reduced)
