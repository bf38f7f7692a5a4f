"""Weights stored once in the blocked format of oneDNN's products; for inference on a CPU.

torch multiplies matrices through a BLAS that reorders the weights in every call. With weights
reordered ahead, the same products take less time, those of a single row too, and GELU is fused into
them. The plain weights are freed, so the model takes as much memory as before.
"""

from __future__ import annotations

import logging
from functools import cache

import torch
from torch import Tensor, nn

from odqa.devices import fast_bfloat16
from odqa.retro.model.positions import Positions

_LOG = logging.getLogger(__name__)

ROWS = 1024
"""Rows of input that the format is chosen for; other numbers work too."""


class PrepackedLinear(nn.Module):
    """Replaces a linear layer whose weight is [out, in]; no gradients."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), ROWS)
        self.weight = nn.Parameter(packed, requires_grad=False)
        bias = linear.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self._product(x, "none")

    def gelu(self, x: Tensor) -> Tensor:
        """The exact GELU of what `forward` returns, in the same pass."""
        return self._product(x, "gelu")

    def _product(self, x: Tensor, post: str) -> Tensor:
        mode = "none" if post == "gelu" else ""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, post, [], mode)
        return out


def prepack(model: nn.Module) -> None:
    """Replace the linear layers of ``model`` in place, where that makes products faster.

    That is on a CPU where torch was built with oneDNN, for fp32, and for bf16 where the processor
    computes in it, unless torch refuses, which is logged. Adapters, position tables and scoring
    heads of one column stay as they are. The model can then neither be trained nor saved.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    model.requires_grad_(False)
    _prepack_children(model)


def _prepack_children(module: nn.Module) -> None:
    if isinstance(module, Positions):
        return
    # Names, not modules: a replaced layer is freed before the next is reordered, so that memory
    # never holds the model twice.
    for name in [name for name, _ in module.named_children()]:
        child = getattr(module, name)
        if _pays(child):
            setattr(module, name, PrepackedLinear(child))
        else:
            _prepack_children(child)


def _pays(module: nn.Module) -> bool:
    if type(module) is not nn.Linear or module.out_features == 1:
        return False
    weight = module.weight
    if weight.device.type != "cpu":
        return False
    fast = weight.dtype is torch.bfloat16 and fast_bfloat16(weight.device)
    return (fast or weight.dtype is torch.float32) and _torch_accepts(weight.dtype)


@cache
def _torch_accepts(dtype: torch.dtype) -> bool:
    """Whether torch can reorder weights of this format and multiply by them.

    Its conditions differ between releases and processors, so a small layer is tried once. A large
    layer that runs out of memory still raises.
    """
    try:
        small = PrepackedLinear(nn.Linear(16, 16, dtype=dtype))
        with torch.inference_mode():
            small.gelu(small(torch.ones(1, 16, dtype=dtype)))
    except (RuntimeError, AttributeError) as refusal:
        name = str(dtype).removeprefix("torch.")
        _LOG.warning("%s weights are not laid out ahead, products take longer: %s", name, refusal)
        return False
    return True
