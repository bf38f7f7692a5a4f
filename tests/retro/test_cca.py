"""Chunked cross-attention against a loop over tokens, heads and neighbours."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from odqa.retro.cca import (
    ChunkedCrossAttention,
    attending_chunks,
    back_in_place,
    neighbour_distance,
)
from odqa.retro.positions import (
    Bucketed,
    Rotary,
    TransformerXL,
    bucket,
    distances,
    relative_shift,
    sinusoid,
)
from odqa.testing.retro_model import tiny_case, tiny_config


def test_shift_gives_the_last_token_of_a_chunk_to_its_neighbours() -> None:
    x = torch.arange(11.0).reshape(1, 11, 1)
    chunks = attending_chunks(x, 4)
    # Two complete chunks of four; filler after position 10.
    assert chunks.squeeze(-1).tolist() == [[3, 4, 5, 6], [7, 8, 9, 10]]
    restored = back_in_place(chunks, 1, 11, 4).flatten().tolist()
    assert restored == [0, 0, 0, 3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(("time", "filled"), [(8, [7, 0, 0, 0]), (9, [7, 8, 0, 0])])
def test_shift_fills_the_last_attending_chunk(time: int, filled: list[int]) -> None:
    x = torch.arange(float(time)).reshape(1, time, 1)
    assert attending_chunks(x, 4)[-1].flatten().tolist() == filled


def test_distances_of_the_paper() -> None:
    m, r = 64, 128
    delta = distances(m, r, neighbour_distance(m), torch.device("cpu"))
    assert delta[0, 0] == m - 1
    assert delta[0, m - 1] == 0
    assert delta[m - 1, r - 1] == 2 * m - 2 - (r - 1)


def by_hand(cross: ChunkedCrossAttention, h: Tensor, e: Tensor, mask: Tensor, m: int) -> Tensor:
    """What the paper says, one token at a time; h [T, d], e [l, k, r, e], mask [l, k, r]."""
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


@pytest.mark.parametrize("kind", ["xl", "rope", "bias", "none"])
def test_equals_a_loop_over_tokens(kind: str) -> None:
    case = tiny_case(tiny_config("none", kind, bias=True, gated=True))
    cross = case.model.decoder.cca(2)
    assert cross is not None
    draw = torch.Generator().manual_seed(1)
    h = torch.randn(1, 19, 16, dtype=torch.double, generator=draw)
    encoded = torch.randn(1, 2, 2, 5, 12, dtype=torch.double, generator=draw)
    mask = torch.rand(1, 2, 2, 5, generator=draw) > 0.3
    with torch.no_grad():
        fast = cross.shifted(h, encoded, mask, case.m)
        slow = by_hand(cross, h[0], encoded[0], mask[0], case.m)
    assert (fast[0] - slow).abs().max() < 1e-12
    assert torch.equal(fast[0, :7], h[0, :7])


def test_chunk_without_neighbours_is_untouched_bit_for_bit() -> None:
    case = tiny_case(tiny_config("none", "xl", bias=True))
    cross = case.model.decoder.cca(4)
    assert cross is not None
    h = torch.randn(2, 17, 16, dtype=torch.double)
    encoded = torch.full((2, 2, 1, 3, 12), 1e6, dtype=torch.double)
    mask = torch.zeros(2, 2, 1, 3, dtype=torch.bool)
    mask[1, 1] = True
    out = cross.shifted(h, encoded, mask, 8)
    assert torch.equal(out[0], h[0])
    assert torch.equal(out[1, :15], h[1, :15])
    assert not torch.equal(out[1, 15], h[1, 15])


def test_relative_shift_picks_the_distance_of_each_pair() -> None:
    queries, keys, offset = 4, 6, 3
    falling = torch.arange(queries - 1 + offset, queries - 1 + offset - 9, -1.0)
    shifted = relative_shift(falling.expand(2, queries, 9).contiguous(), keys)
    expected = distances(queries, keys, offset, torch.device("cpu")).float()
    assert torch.equal(shifted, expected.expand(2, -1, -1))


def test_causal_shift_is_right_where_it_is_seen() -> None:
    queries, keys, offset = 3, 5, 2
    falling = torch.arange(4.0, -1.0, -1.0).expand(queries, keys).contiguous()
    shifted = relative_shift(falling, keys)
    expected = distances(queries, keys, offset, torch.device("cpu")).float()
    seen = expected >= 0
    assert torch.equal(shifted[seen], expected[seen])


def test_buckets_are_exact_when_small_then_logarithmic() -> None:
    distance = torch.tensor([0, 1, 7, 8, 127, 128, 10_000, -1, -7, -128])
    assert bucket(distance, 32, 128).tolist() == [0, 1, 7, 8, 15, 15, 15, 17, 23, 31]


def test_kept_projections_follow_the_weights() -> None:
    positions = TransformerXL(tiny_config().decoder).eval()
    q = torch.randn(1, 2, 3, 6)
    with torch.no_grad():
        before = positions.bias(q, 5, 2)
        assert torch.equal(before, positions.bias(q, 5, 2))
        positions.r_proj.weight.mul_(2)
        doubled = positions.bias(q, 5, 2)
    assert torch.allclose(doubled, 2 * before)
    assert torch.allclose(positions.bias(q, 5, 2), doubled)
