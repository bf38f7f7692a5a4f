"""Neighbours precomputed before any question is known: encodings E, or keys and values.

Possible when the encoder is unconditioned, or when its first chunk is a constant prompt, whose
states are then the same for every question (`prompt_chunk`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from odqa.retro.model.attention import KeyValues, causal_visibility
from odqa.retro.model.model import RetroModel
from odqa.retro.model.neighbour_keys import NeighbourKeys


def prompt_chunk(model: RetroModel, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """States and mask that condition the encoder on a constant first chunk.

    Args:
        ids: [m] int64, laid out as the first chunk of `frame_questions(..., "prompt")`.
        mask: [m], true on real tokens.

    Returns:
        ``(chunk [1, m, d], chunk_mask [1, m])``.
    """
    ids, mask = ids[None], mask[None].bool()
    m, first = model.config.chunk_length, model.config.first_cross_layer
    visible = causal_visibility(mask, m, m, ids.device)
    h = model.embed(ids, mask)
    for layer in range(1, first + 1):
        h, _ = model.decoder.block(layer).attend(h, visible)
        if layer < first:
            h = model.decoder.block(layer).feed(h)
    return h, mask


def encode_neighbours(
    model: RetroModel,
    ids: Tensor,
    mask: Tensor,
    chunk: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Encode passages [n, r] -> E [n, r, e], independent of each other.

    ``chunk`` is the result of `prompt_chunk`; only a conditioned encoder needs and uses it.

    Raises:
        ValueError: a conditioned encoder without ``chunk``.
    """
    states, chunk_mask = chunk if chunk is not None and model.config.conditioned else (None, None)
    return model.encode(ids[None], mask[None].bool(), states, chunk_mask)[0]


def stack_kv(kvs: NeighbourKeys) -> Tensor:
    """One tensor [n, |P|, 2, H, r, c] to store, layers in ascending order."""
    return torch.stack([torch.stack(kvs[layer], 1) for layer in sorted(kvs)], 1)


def unstack_kv(model: RetroModel, stored: Tensor) -> NeighbourKeys:
    """Inverse of `stack_kv`, in the model's dtype."""
    dtype = model.token_table().dtype
    layers = model.config.decoder.cross_layers
    pairs = stored.to(dtype).unbind(1)
    return {
        layer: KeyValues(pair[:, 0], pair[:, 1]) for layer, pair in zip(layers, pairs, strict=True)
    }
