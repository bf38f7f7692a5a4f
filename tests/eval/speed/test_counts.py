"""Operations and parameters of both sides: sums done by hand, torch's counter, the peer itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from eval.speed.counts import forward_gflop, forward_parameters, peer_gflop, peer_parameters
from eval.speed.inputs import batch
from eval.speed.ours import config
from eval.speed.sizes import Sizes
from odqa.retro.model.config import SelfPosition
from odqa.retro.model.model import RetroModel

# One decoder layer with cross-attention, one encoder layer with conditioning: d = 2, a = 3.
TINY = Sizes(
    batch=1,
    tokens=4,
    neighbours=2,
    retrieved=5,
    chunk=2,
    vocabulary=7,
    width=2,
    heads=1,
    head_dim=3,
    layers=1,
    cross_layers=(1,),
    encoder_layers=1,
    encoder_cross_layers=(1,),
)
SMALL = Sizes(
    batch=2,
    tokens=24,
    retrieved=12,
    chunk=8,
    vocabulary=50,
    width=16,
    heads=2,
    head_dim=12,
    layers=3,
    cross_layers=(2, 3),
)


def test_operations_by_hand() -> None:
    block = 4 * (2 * 2 * 3) + 2 * (2 * 2 * 8)  # projections, feed-forward of width 8: one token
    decoder = 4 * block + 4 * 4 * 4 * 3  # four tokens; logits and mixing
    tokens = 2 * 2 * 5  # two chunks, two neighbours, five tokens
    encoder = tokens * block + tokens * (2 * 2 * 5 * 3)
    conditioning = tokens * (2 * (2 * 2 * 3) + 2 * 2 * 2 * 3)
    cross = 4 * (2 * (2 * 2 * 3) + 2 * 2 * 10 * 3) + tokens * 2 * (2 * 2 * 3)
    readout = 4 * 2 * 2 * 7
    common = decoder + encoder + conditioning + cross + readout
    chunk = 4 * 2 * (2 * 2 * 3)  # keys and values of the chunks' four tokens
    assert forward_gflop(TINY, "rope") * 1e9 == pytest.approx(common + chunk)
    # Distances: 4 × 4 in the decoder, 9 and 6 for a neighbour's tokens, 6 for two attending chunks.
    distances = 2 * 3 * (4 * 4 + tokens * 9 + tokens * 6 + 4 * 6)
    assert forward_gflop(TINY, "xl") * 1e9 == pytest.approx(common + chunk + distances)
    peer = common + 2 * chunk + tokens * 2 * 2 * 2 + 4 * 2 * 2 * 3
    assert peer_gflop(TINY) * 1e9 == pytest.approx(peer)


@pytest.mark.parametrize("position", ["xl", "rope"])
def test_ours_as_torch_counts_it(position: SelfPosition) -> None:
    model = RetroModel(config(SMALL, position)).eval()
    assert sum(p.numel() for p in model.parameters()) == forward_parameters(SMALL, position)
    ids, found = batch(SMALL, "cpu")
    with torch.no_grad():
        model(ids, None, found)  # distances are projected once and kept
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            model(ids, None, found)
    assert counter.get_total_flops() == pytest.approx(forward_gflop(SMALL, position) * 1e9)


def test_the_peer_as_it_counts_itself() -> None:
    # What retro-pytorch 0.3.9 of these sizes says of itself (peer_retro_pytorch with "count").
    sizes = Sizes(
        tokens=192, vocabulary=50, width=32, heads=8, head_dim=32, layers=3, cross_layers=(2, 3)
    )
    assert peer_parameters(sizes) == 316_114
    assert peer_gflop(sizes) * 1e9 == pytest.approx(1_483_653_120)


def test_both_sides_are_the_same_size() -> None:
    sizes = Sizes()
    assert forward_gflop(sizes, "rope") == pytest.approx(peer_gflop(sizes), rel=0.02)
    assert forward_gflop(sizes, "xl") == pytest.approx(peer_gflop(sizes), rel=0.02)
    assert forward_parameters(sizes, "rope") == pytest.approx(peer_parameters(sizes), rel=0.01)


def test_one_neighbour_makes_the_copies_go_away() -> None:
    one = replace(Sizes(), neighbours=1)
    read = one.batch * one.chunks * one.retrieved
    null = 3 * 4 * one.batch * one.chunks * one.chunk * one.inner
    extra = (2 * read * one.width**2 + null) / 1e9
    assert peer_gflop(one) - forward_gflop(one, "rope") == pytest.approx(extra)
