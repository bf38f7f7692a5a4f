"""Scores of candidates, computed in several ways that equal one full forward for each."""

from __future__ import annotations

import torch
from torch import Tensor

from odqa.retro.model.model import RetroModel
from odqa.retro.model.neighbour_keys import NeighbourKeys, project_neighbours
from odqa.retro.model.ranking_settings import ReadOut
from odqa.retro.rank.shared_prefix import SharedPrefix, push


def score_encoded(
    model: RetroModel,
    shared: SharedPrefix,
    encoded: Tensor,
    mask: Tensor,
    scored: Tensor | None = None,
) -> Tensor:
    """Scoring-head relevance of candidates behind a shared question.

    Args:
        encoded: encodings [B, n, r, e], made now or offline; a row may be padded with candidates
            that ``mask`` [B, n, r] hides wholly.
        scored: [B], which suffix token carries the score, or [B, S], the share of each; default
            the last.

    Returns:
        [B, n], higher is better.
    """
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
