"""Chunked cross-attention by the paper's formulas, in loops: slow but simple, as a reference."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from odqa.retro.model.cca import ChunkedCrossAttention
from odqa.retro.model.positions import Bucketed, Rotary, TransformerXL, bucket, sinusoid


def cross_attention_loop(
    cross: ChunkedCrossAttention, h: Tensor, e: Tensor, mask: Tensor, m: int
) -> Tensor:
    """New states of ``h`` [T, d], one token at a time; ``e`` [l, k, r, e], ``mask`` [l, k, r]."""
    attention, out = cross.attention, h.clone()
    heads, c = attention.heads, attention.head_dim
    for t in range(h.shape[0]):
        u, i = (t + 1) // m - 1, (t + 1) % m
        if u < 0 or not mask[u].any():
            continue
        q = attention.q_proj(cross.norm(h[t])).reshape(heads, c)
        mixed = torch.zeros(heads, c, dtype=h.dtype)
        for head in range(heads):
            logits, values = [], []
            for j, place in mask[u].nonzero().tolist():
                key = attention.k_proj(e[u, j, place]).reshape(heads, c)[head]
                value = attention.v_proj(e[u, j, place]).reshape(heads, c)[head]
                delta = i - place + m - 1
                logits.append(one_logit(attention.positions, q[head], key, delta, head))
                values.append(value)
            scale = attention.scale
            biases = [bias for _, bias in logits]
            weights = torch.stack([content * scale for content, _ in logits])
            weights = (weights + torch.stack(biases)).softmax(0)
            mixed[head] = (weights[:, None] * torch.stack(values)).sum(0)
        out[t] = h[t] + cross.gate(attention.o_proj(mixed.flatten()))
    return out


def one_logit(
    positions: torch.nn.Module, q: Tensor, key: Tensor, delta: int, head: int
) -> tuple[Tensor, Tensor]:
    """Unscaled content logit and additive bias of one pair."""
    zero = torch.zeros((), dtype=q.dtype)
    if isinstance(positions, TransformerXL):
        wave = sinusoid(torch.tensor([float(delta)], dtype=q.dtype), positions.r_proj.in_features)
        r = positions.r_proj(wave)[0].reshape(positions.heads, -1)[head]
        return (q + positions.u[head]) @ key + (q + positions.v[head]) @ r, zero
    if isinstance(positions, Bucketed):
        index = bucket(torch.tensor(delta), positions.buckets, positions.max_distance)
        return q @ key, positions.table.weight[index, head]
    if isinstance(positions, Rotary):
        half = positions.dim // 2
        total = q[positions.dim :] @ key[positions.dim :]
        for f in range(half):
            angle = delta * positions.theta ** (-2 * f / positions.dim)
            a, b = complex(q[f], q[f + half]), complex(key[f], key[f + half])
            turned = a * complex(math.cos(angle), math.sin(angle)) * b.conjugate()
            total = total + turned.real
        return total, zero
    return q @ key, zero
