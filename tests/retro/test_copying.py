"""Learning what only neighbours can tell; entropy without them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from odqa.retro.model.config import RetroConfig, StackConfig
from odqa.retro.model.model import RetroModel
from odqa.testing.retro_ranking import score_candidates

ANSWERS, CUE, SCORE, M, KEYS = 8, 8, 9, 4, 2


def small(conditioned: bool) -> RetroModel:
    shape = {"d_model": 32, "heads": 2, "head_dim": 16, "d_ffw": 64, "cross_position": "bias"}
    config = RetroConfig(
        vocab_size=24,
        decoder=StackConfig(layers=2, cross_layers=(1, 2), position="rope", **shape),
        encoder=StackConfig(
            layers=1, cross_layers=(1,) if conditioned else (), position="bias", **shape
        ),
        chunk_length=M,
        neighbour_length=5,
        score_head=True,
        share_embeddings=True,
    )
    torch.manual_seed(0)
    return RetroModel(config)


def copy_batch(draw: torch.Generator, size: int = 64) -> tuple[Tensor, Tensor, Tensor]:
    """A cue ends chunk 0; the answer stands behind the cue in one of two neighbours."""
    answer = torch.randint(0, ANSWERS, (size,), generator=draw)
    ids = torch.randint(10, 24, (size, M), generator=draw)
    ids[:, -1] = CUE
    neighbours = torch.randint(10, 24, (size, 1, 2, 5), generator=draw)
    which = torch.randint(0, 2, (size,), generator=draw)
    row = torch.arange(size)
    neighbours[row, 0, which, 2] = CUE
    neighbours[row, 0, which, 3] = answer
    return ids, neighbours, answer


def test_copies_from_the_neighbour_and_knows_nothing_without() -> None:
    model, draw = small(conditioned=True), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(400):
        ids, neighbours, answer = copy_batch(draw)
        # Every fourth step without neighbours, so that off is trained and not merely untried.
        retrieved = neighbours if step % 4 else None
        loss = F.cross_entropy(model(ids, None, retrieved).logits[:, -1], answer)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    ids, neighbours, answer = copy_batch(draw, 512)
    with torch.no_grad():
        on = F.cross_entropy(model(ids, None, neighbours).logits[:, -1], answer)
        off = F.cross_entropy(model(ids).logits[:, -1], answer)
    assert on < 0.05
    assert abs(float(off) - math.log(ANSWERS)) < 0.1


def rank_batch(draw: torch.Generator, size: int = 32) -> tuple[Tensor, Tensor]:
    """Question: a key, then the score token. Candidate 0 holds that key, candidate 1 another."""
    key = torch.randint(0, KEYS, (size,), generator=draw)
    other = (key + torch.randint(1, KEYS, (size,), generator=draw)) % KEYS
    ids = torch.stack((torch.full_like(key, 10), torch.full_like(key, 11), key), 1)
    ids = F.pad(ids, (0, 1), value=SCORE)
    candidates = torch.randint(12, 24, (size, 2, 5), generator=draw)
    place = torch.randint(0, 5, (size, 2, 1), generator=draw)
    return ids, candidates.scatter(2, place, torch.stack((key, other), 1)[..., None])


def test_scoring_head_learns_which_passage_matches() -> None:
    model, draw = small(conditioned=True), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    real = torch.ones(32, 2, 5, dtype=torch.bool)
    for _ in range(400):
        ids, candidates = rank_batch(draw)
        scores = score_candidates(model, ids, None, candidates, real)
        loss = F.cross_entropy(scores, torch.zeros(32, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    ids, candidates = rank_batch(draw)
    with torch.no_grad():
        scores = score_candidates(model, ids, None, candidates, real)
        flipped = score_candidates(model, ids, None, candidates.flip(1), real)
        none = score_candidates(model, ids, None, candidates, torch.zeros_like(real))
    assert (scores[:, 0] > scores[:, 1]).float().mean() > 0.95
    assert torch.allclose(flipped.flip(1), scores, atol=1e-5)
    assert torch.isfinite(none).all()
    assert torch.allclose(none[:, 0], none[:, 1])
