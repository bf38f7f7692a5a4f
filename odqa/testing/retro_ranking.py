"""The score of every candidate, behind one shared prefix and by a full forward for each."""

from __future__ import annotations

import torch
from torch import Tensor

from odqa.retro.model.model import RetroModel
from odqa.retro.rank.scores import score_encoded, take_suffix
from odqa.retro.rank.shared_prefix import encode_candidates, share_prefix


def score_candidates(
    model: RetroModel,
    ids: Tensor,
    mask: Tensor | None,
    candidates: Tensor,
    candidate_mask: Tensor,
    *,
    scored: Tensor | None = None,
    start: int | None = None,
) -> Tensor:
    """Scoring-head relevance, question prefix shared, candidates encoded here.

    Args:
        ids: laid-out questions [B, start + S] (see `odqa.retro.model.layouts`).
        mask: [B, start + S], true on real tokens.
        candidates: [B, n, r] int64; a row may be padded with fully masked candidates.
        candidate_mask: [B, n, r].
        scored: [B], which suffix token carries the score, or [B, S], the share of each; default
            the last.

    Returns:
        [B, n], higher is better.
    """
    shared = share_prefix(model, ids, mask, start)
    encoded = encode_candidates(model, shared, candidates, candidate_mask)
    return score_encoded(model, shared, encoded, candidate_mask, scored)


def score_naive(
    model: RetroModel,
    ids: Tensor,
    mask: Tensor | None,
    candidates: Tensor,
    candidate_mask: Tensor,
    *,
    scored: Tensor | None = None,
    start: int | None = None,
) -> Tensor:
    """One full forward for each candidate: the reference for the faster ways."""
    m = model.config.chunk_length
    start = m - 1 if start is None else start
    chunks = ids.shape[1] // m
    columns = []
    for j in range(candidates.shape[1]):
        empty = torch.zeros_like(candidate_mask[:, :1]).bool()
        # Only the chunk that ends at start retrieves; earlier and later ones see nothing.
        masks = [empty] * chunks
        masks[(start + 1) // m - 1] = candidate_mask[:, j : j + 1].bool()
        hidden = model(
            ids,
            mask,
            candidates[:, j, None, None].expand(-1, chunks, 1, -1),
            torch.stack(masks, 1),
            with_logits=False,
        ).hidden
        columns.append(take_suffix(hidden[:, None, start:], scored)[:, 0])
    return model.score(torch.stack(columns, 1))
