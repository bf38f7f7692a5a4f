"""Recording chunked cross-attention: the weights and logits of every layer in a forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from odqa.retro.model.attention import Attention, KeyValues
from odqa.retro.model.model import RetroModel


@dataclass(frozen=True)
class LayerAttention:
    """One pass of one layer: ``weights`` and scaled ``logits`` [G, H, T, k, r].

    G counts retrieving chunks and T the queries that attend to each; a row of weights sums to one
    over all tokens of all neighbours, or to zero where there is nothing to see.
    """

    layer: int
    weights: Tensor
    logits: Tensor


@contextmanager
def capture_attention(model: RetroModel) -> Iterator[list[LayerAttention]]:
    """Collect the attention of each cross layer while the ``with`` block runs.

    In a full forward G is B * l and query i of chunk u is position ``(u + 1) m - 1 + i``.
    """
    passes: list[LayerAttention] = []
    handles = []
    for layer in model.config.decoder.cross_layers:
        cross = model.decoder.cca(layer)
        assert cross is not None
        hook = _hook(layer, passes)
        handles.append(cross.attention.register_forward_hook(hook, with_kwargs=True))
    try:
        yield passes
    finally:
        for handle in handles:
            handle.remove()


def _hook(layer: int, passes: list[LayerAttention]) -> Any:
    def hook(
        module: nn.Module, inputs: tuple[Tensor, KeyValues], options: dict[str, Any], _: Tensor
    ) -> None:
        assert isinstance(module, Attention)
        groups = options.get("key_groups", 1)
        weights, logits = module.weights(*inputs, **options)
        shape = (*weights.shape[:-1], groups, -1)
        passes.append(LayerAttention(layer, weights.reshape(shape), logits.reshape(shape)))

    return hook
