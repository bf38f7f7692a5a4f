"""Candidates scored by the likelihood of a text given them: the question (UPR), or an answer."""

from __future__ import annotations

import torch
from torch import Tensor

from odqa.retro.model.model import RetroModel
from odqa.retro.rank.shared_prefix import SharedPrefix

READOUT_ROWS = 512
"""Rows read out at a time: the logits of all candidates together would not fit."""


def suffix_likelihood(
    model: RetroModel, shared: SharedPrefix, hidden: Tensor, ids: Tensor, mask: Tensor
) -> Tensor:
    """Mean log-likelihood of the tokens behind the shared prefix, under each candidate.

    Question likelihood has a prompt in chunk 0 and the question after it; answer likelihood has
    the question in chunk 0 and an answer after it (`odqa.retro.model.layouts.frame_pairs`).

    Args:
        hidden: suffix states [B, n, S, d] of `push`.
        ids: [B, m + q] int64 with 1 <= q <= m; the last token of all is not in ``shared``.
        mask: [B, m + q], true on real tokens.

    Returns:
        [B, n], natural logarithms.
    """
    batch, n, size, _ = hidden.shape
    targets = ids[:, None, shared.start + 1 :].expand(batch, n, size)
    real = mask[:, None, shared.start + 1 :].expand(batch, n, size)
    total = (gold_log_likelihood(model, hidden, targets) * real).sum(-1)
    return total / real.sum(-1).clamp(min=1)


def gold_log_likelihood(model: RetroModel, hidden: Tensor, targets: Tensor) -> Tensor:
    """Exact log-softmax at ``targets`` [...] of states [..., d], read out block by block."""
    rows, gold = hidden.reshape(-1, hidden.shape[-1]), targets.reshape(-1)
    parts = []
    for begin in range(0, rows.shape[0], READOUT_ROWS):
        block = slice(begin, begin + READOUT_ROWS)
        logits = model.logits(rows[block])
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        at_gold = logits.gather(1, gold[block, None]).squeeze(1)
        parts.append(at_gold - logits.logsumexp(-1))
    return torch.cat(parts).reshape(targets.shape)
