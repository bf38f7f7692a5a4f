"""Scores of candidates, computed in several ways that equal one full forward for each."""

from __future__ import annotations

import torch
from torch import Tensor

from odqa.retro.model.model import RetroModel
from odqa.retro.model.neighbour_keys import NeighbourKeys, project_neighbours
from odqa.retro.model.ranking_settings import ReadOut
from odqa.retro.rank.shared_prefix import SharedPrefix, encode_candidates, push, share_prefix


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


def score_encoded(
    model: RetroModel,
    shared: SharedPrefix,
    encoded: Tensor,
    mask: Tensor,
    scored: Tensor | None = None,
) -> Tensor:
    """`score_candidates` from encodings [B, n, r, e], computed now or offline."""
    return score_projected(model, shared, project_neighbours(model, encoded), mask, scored)


def score_projected(
    model: RetroModel,
    shared: SharedPrefix,
    kvs: NeighbourKeys,
    mask: Tensor,
    scored: Tensor | None = None,
) -> Tensor:
    """`score_candidates` from keys and values, computed now or offline: the cheapest way."""
    return model.score(take_suffix(push(model, shared, kvs, mask), scored))


def read_out(scored: Tensor, size: int, readout: ReadOut) -> Tensor:
    """Which states `take_suffix` takes: [B] for ``last``, float32 shares [B, S] for ``mean``.

    Args:
        scored: [B], index of the score token among the ``size`` = S suffix tokens.
        size: S.
        readout: which states are scored.
    """
    if readout == "last":
        return scored
    scored_tokens = torch.arange(size, device=scored.device) <= scored[:, None]
    return scored_tokens.float() / scored_tokens.sum(1, keepdim=True)


def take_suffix(hidden: Tensor, scored: Tensor | None) -> Tensor:
    """The scored token's state, or the mean by `read_out`: [B, n, S, d] -> [B, n, d]."""
    if scored is None:
        return hidden[:, :, -1]
    if scored.ndim == 2:
        return torch.einsum("bs,bnsd->bnd", scored.to(hidden.dtype), hidden)
    batch, n, _, width = hidden.shape
    index = scored.reshape(batch, 1, 1, 1).expand(batch, n, 1, width)
    return hidden.gather(2, index).squeeze(2)


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
