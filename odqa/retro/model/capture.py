"""Looking at chunked cross-attention: what every layer attended to during a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from odqa.retro.model.attention import Attention, KeyValues
from odqa.retro.model.model import RetroModel


@dataclass(frozen=True)
class Attended:
    """One pass of one layer: ``weights`` and scaled ``logits`` [G, H, T, k, r].

    G counts retrieving chunks and T the queries that attend to each; a row of weights sums to one
    over all tokens of all neighbours, or to zero where there is nothing to see.
    """

    layer: int
    weights: Tensor
    logits: Tensor


@contextmanager
def capture_attention(model: RetroModel) -> Iterator[list[Attended]]:
    """Collect what each cross layer attends to while the block runs.

    In a full forward G is B * l and query i of chunk u is position ``(u + 1) m - 1 + i``.
    """
    seen: list[Attended] = []
    handles = []
    for layer in model.config.decoder.cross_layers:
        cross = model.decoder.cca(layer)
        assert cross is not None
        hook = _hook(layer, seen)
        handles.append(cross.attention.register_forward_hook(hook, with_kwargs=True))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _hook(layer: int, seen: list[Attended]) -> Any:
    def hook(
        module: nn.Module, inputs: tuple[Tensor, KeyValues], options: dict[str, Any], _: Tensor
    ) -> None:
        assert isinstance(module, Attention)
        groups = options.get("key_groups", 1)
        weights, logits = module.weights(*inputs, **options)
        shape = (*weights.shape[:-1], groups, -1)
        seen.append(Attended(layer, weights.reshape(shape), logits.reshape(shape)))

    return hook
