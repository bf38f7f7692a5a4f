"""The number format of a training's forward passes."""

from __future__ import annotations

import torch

from odqa.devices import fast_bfloat16
from odqa.training.recipe import OptimPart


def forward_precision(optim: OptimPart, device: torch.device | None = None) -> torch.autocast:
    """A context in which products are in bfloat16, or in float32.

    A recipe that does not say gets bfloat16 where the processor has instructions for it: without
    them it is emulated, tens of times slower than float32.
    """
    device = device or torch.device("cpu")
    wished = fast_bfloat16(device) if optim.bf16 is None else optim.bf16
    return torch.autocast(device.type, torch.bfloat16, enabled=wished)
