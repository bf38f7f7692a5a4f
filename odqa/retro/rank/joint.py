"""All candidates of a question read in one pass, and the attention they receive as a score."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from odqa.retro.model.attention import causal_visibility
from odqa.retro.model.capture import capture_attention
from odqa.retro.model.cca import neighbour_distance, neighbour_visibility
from odqa.retro.model.model import RetroModel
from odqa.retro.rank.shared_prefix import SharedPrefix, attend_shared


def read_jointly(model: RetroModel, shared: SharedPrefix, encoded: Tensor, mask: Tensor) -> Tensor:
    """Final states of the suffix when it sees all n candidates at once.

    Args:
        encoded: [B, n, r, e], the same as for scoring each candidate alone.
        mask: [B, n, r], true on real tokens.

    Returns:
        [B, S, d].
    """
    _, n, r, width = encoded.shape
    size = shared.suffix.shape[1]
    tokens = mask.bool() & shared.chunk_mask.any(-1)[:, None, None]
    visible = neighbour_visibility(tokens)
    own = causal_visibility(shared.mask, size, shared.start + size, encoded.device)
    first = model.config.first_cross_layer
    offset = neighbour_distance(model.config.chunk_length)
    h = shared.suffix
    for layer in range(first, model.config.decoder.layers + 1):
        block, cross = model.decoder.block(layer), model.decoder.cca(layer)
        if layer > first:
            h = attend_shared(block, h, shared.past[layer], own, 1)
        if cross is not None:
            kv = cross.keys_values(encoded.reshape(-1, n * r, width), groups=n)
            x = cross.norm(h)
            h = cross.add(h, cross.attention(x, kv, offset=offset, visible=visible, key_groups=n))
        h = block.feed(h)
    out: Tensor = model.decoder.norm(h)
    return out


def attention_scores(
    model: RetroModel,
    shared: SharedPrefix,
    encoded: Tensor,
    mask: Tensor,
    kind: Literal["mass", "density", "logit"] = "mass",
) -> Tensor:
    """Relevance by attention, no head needed: [B, n].

    ``mass`` is the softmax weight a candidate receives, averaged over layers, heads and real
    suffix tokens, so that a question's candidates sum to one; ``density`` divides it by the
    candidate's tokens, which takes away what long passages gain; ``logit`` averages the logits
    before the softmax over real tokens, as FiD-KD does. A candidate without tokens scores 0
    (``logit``: -inf).
    """
    tokens = mask.to(encoded.dtype)
    size = tokens.sum(-1)
    if kind == "logit":
        with capture_attention(model) as passes:
            read_jointly(model, shared, encoded, mask)
        logits = torch.stack([p.logits.mean(1) for p in passes]).mean(0)
        per_token = (logits * tokens[:, None]).sum(-1) / size.clamp(min=1)[:, None]
        return _over_suffix(per_token, shared).masked_fill(size == 0, float("-inf"))
    mass = token_attention(model, shared, encoded, mask).sum(-1)
    return mass if kind == "mass" else mass / size.clamp(min=1)


def token_attention(
    model: RetroModel, shared: SharedPrefix, encoded: Tensor, mask: Tensor
) -> Tensor:
    """The softmax weight of every candidate token when all are read at once: [B, n, r].

    The mean over layers, heads and real suffix tokens, so that one question's tokens sum to one.
    """
    with capture_attention(model) as passes:
        read_jointly(model, shared, encoded, mask)
    weights = torch.stack([p.weights.mean(1) for p in passes]).mean(0)
    batch, n, r, _ = encoded.shape
    return _over_suffix(weights.flatten(2), shared).reshape(batch, n, r)


def _over_suffix(values: Tensor, shared: SharedPrefix) -> Tensor:
    """Mean over real suffix tokens: [B, S, n] -> [B, n]."""
    real = shared.mask[:, shared.start :].to(values.dtype)
    return (values * real[..., None]).sum(1) / real.sum(1, keepdim=True).clamp(min=1)
