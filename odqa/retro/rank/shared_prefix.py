"""Scoring many candidates of one question without running the question once for each.

Positions before ``start`` = (u+1)m - 1 see no neighbour of chunk u in any layer, and below the
first cross-attention no position does. So a question runs once (`share_prefix`), and a candidate
costs only the positions from ``start`` on, from layer min(P) upwards (`push`). The result equals
one full forward for each candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from odqa.retro.model.attention import (
    Attention,
    KeyValues,
    Visibility,
    causal_visibility,
    visibility,
)
from odqa.retro.model.blocks import Block
from odqa.retro.model.cca import ChunkedCrossAttention, neighbour_distance
from odqa.retro.model.model import RetroModel
from odqa.retro.model.neighbour_keys import NeighbourKeys


@dataclass(frozen=True)
class SharedPrefix:
    """What all candidates of a question have in common.

    ``suffix`` [B, S, d]: states from ``start`` on after the self-attention of layer min(P).
    ``past``: by layer above min(P), keys and values of the positions before ``start``.
    ``mask`` [B, start + S]. ``chunk`` [B, m, d] and ``chunk_mask`` condition the encoder.
    """

    suffix: Tensor
    past: dict[int, KeyValues]
    mask: Tensor
    chunk: Tensor
    chunk_mask: Tensor
    start: int


def share_prefix(
    model: RetroModel, ids: Tensor, mask: Tensor | None = None, start: int | None = None
) -> SharedPrefix:
    """Run the part of a question that no neighbour can change.

    Args:
        ids: [B, start + S] with 1 <= S <= m.
        mask: [B, start + S], true on real tokens.
        start: last position of the retrieving chunk; default m - 1. Earlier chunks see nothing.

    Raises:
        ValueError: lengths that do not fit.
    """
    m = model.config.chunk_length
    start = m - 1 if start is None else start
    time = ids.shape[1]
    if (start + 1) % m or not 1 <= time - start <= m:
        raise ValueError(f"{time} tokens from {start} on are not 1..{m} after a whole chunk")
    real = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
    first, decoder = model.config.first_cross_layer, model.decoder
    visible = causal_visibility(real, time, time, ids.device)
    h = model.embed(ids, real)
    for layer in range(1, first):
        h, _ = decoder.block(layer).attend(h, visible)
        h = decoder.block(layer).feed(h)
    h, _ = decoder.block(first).attend(h, visible)
    chunk = slice(start + 1 - m, start + 1)
    past = _upper_prefix(model, h[:, :start], real[:, :start])
    return SharedPrefix(h[:, start:], past, real, h[:, chunk], real[:, chunk], start)


def _upper_prefix(model: RetroModel, h: Tensor, mask: Tensor) -> dict[int, KeyValues]:
    """Positions before ``start`` through the layers above min(P), where they see no neighbour."""
    first, layers = model.config.first_cross_layer, model.config.decoder.layers
    time = h.shape[1]
    visible = causal_visibility(mask, time, time, h.device)
    past: dict[int, KeyValues] = {}
    h = model.decoder.block(first).feed(h)
    for layer in range(first + 1, layers + 1):
        block = model.decoder.block(layer)
        if layer == layers:
            # Of the prefix's last layer only keys and values are used.
            x = h if block.post_norm else block.self_norm(h)
            past[layer] = block.self_attention.keys_values(x)
        else:
            h, past[layer] = block.attend(h, visible)
            h = block.feed(h)
    return past


def encode_candidates(
    model: RetroModel, shared: SharedPrefix | None, ids: Tensor, mask: Tensor
) -> Tensor:
    """Encode candidates [B, n, r] of each question -> [B, n, r, e].

    An unconditioned encoder needs no ``shared``; its encodings serve every question.
    """
    if shared is None or not model.config.conditioned:
        return model.encode(ids, mask.bool(), None, None)
    return model.encode(ids, mask.bool(), shared.chunk, shared.chunk_mask)


def push(model: RetroModel, shared: SharedPrefix, kvs: NeighbourKeys, mask: Tensor) -> Tensor:
    """Final states of the suffix for each candidate alone.

    Args:
        kvs: [B * n, H, r, c] for every cross layer.
        mask: true on real candidate tokens, [B, n, r]; a candidate without any scores as with
            retrieval off.

    Returns:
        [B, n, S, d].
    """
    batch, n, _ = mask.shape
    size = shared.suffix.shape[1]
    h = shared.suffix.unsqueeze(1).expand(batch, n, size, -1).reshape(batch, n * size, -1)
    tokens = _retrieving(shared, mask).reshape(batch * n, 1, 1, -1)
    visible = visibility(tokens)
    own = causal_visibility(shared.mask, size, shared.start + size, h.device)
    first = model.config.first_cross_layer
    for layer in range(first, model.config.decoder.layers + 1):
        block, cross = model.decoder.block(layer), model.decoder.cca(layer)
        if layer > first:
            h = attend_shared(block, h, shared.past[layer], own, n)
        if cross is not None:
            h = _cross(model, cross, h.reshape(batch * n, size, -1), kvs[layer], visible)
            h = h.reshape(batch, n * size, -1)
        h = block.feed(h)
    out: Tensor = model.decoder.norm(h)
    return out.reshape(batch, n, size, -1)


def _retrieving(shared: SharedPrefix, mask: Tensor) -> Tensor:
    """The candidate mask; a chunk of padding alone retrieves nothing, as in the full forward."""
    return mask.bool() & shared.chunk_mask.any(-1)[:, None, None]


def _cross(
    model: RetroModel, cross: ChunkedCrossAttention, h: Tensor, kv: KeyValues, visible: Visibility
) -> Tensor:
    offset = neighbour_distance(model.config.chunk_length)
    return cross.add(h, cross.attention(cross.norm(h), kv, offset=offset, visible=visible))


def attend_shared(
    block: Block, h: Tensor, past: KeyValues, visible: Visibility, groups: int
) -> Tensor:
    """Self-attention of ``groups`` suffixes side by side, [B, groups * S, d], over one past.

    Each sees the shared past and itself. One matrix product covers the past and all suffixes, so
    that the past is not copied for each.
    """

    def self_attend(x: Tensor) -> Tensor:
        return _shared_mix(block.self_attention, x, past, visible, groups)

    return block.residual(h, block.self_norm, self_attend)


def _shared_mix(
    attention: Attention, x: Tensor, past: KeyValues, visible: Visibility, groups: int
) -> Tensor:
    start = past.keys.shape[-2]
    size = x.shape[1] // groups
    own = attention.keys_values(x, start, groups)
    q, bias = attention.logit_parts(
        attention.queries(x), start + size, start, query_groups=groups, causal=True
    )

    def by_group(t: Tensor) -> Tensor:
        return torch.unflatten(t, 2, (groups, size))

    past_logits = q @ past.keys.transpose(-1, -2)
    own_logits = by_group(q) @ by_group(own.keys).transpose(-1, -2)
    logits = torch.cat((past_logits, own_logits.flatten(2, 3)), -1) * attention.scale
    if bias is not None:
        logits = logits + bias
    masked = ~visible.open.repeat(1, 1, groups, 1)
    weights = logits.masked_fill(masked, float("-inf")).softmax(-1)
    mixed = weights[..., :start] @ past.values
    own_mixed = by_group(weights[..., start:]) @ by_group(own.values)
    repeated = Visibility(visible.open, visible.alive.repeat(1, groups, 1))
    return attention.merge(mixed + own_mixed.flatten(2, 3), repeated)
