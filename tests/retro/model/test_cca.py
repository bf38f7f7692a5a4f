"""Chunked cross-attention against a loop over tokens, heads and neighbours."""

from __future__ import annotations

import pytest
import torch

from odqa.retro.model.cca import attending_chunks, back_in_place, neighbour_distance
from odqa.retro.model.positions import TransformerXL, bucket, distances, relative_shift
from odqa.testing.retro_loop import cross_attention_loop
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
        slow = cross_attention_loop(cross, h[0], encoded[0], mask[0], case.m)
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
    unmasked = expected >= 0
    assert torch.equal(shifted[unmasked], expected[unmasked])


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
