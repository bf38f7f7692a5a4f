"""Late interaction between token vectors (Khattab and Zaharia 2020, ColBERT, section 3.3).

Passages are packed, one token after the other, so no padding can be a maximum.
"""

from __future__ import annotations

import torch
from torch import Tensor


def maxsim(query: Tensor, tokens: Tensor, lengths: Tensor, similarity: str = "cosine") -> Tensor:
    """Score one question against many passages.

    Args:
        query: float [q, dim], unit rows.
        tokens: float [sum(lengths), dim], unit rows: the token vectors of passage after passage.
        lengths: int64 [n], tokens per passage, each at least 1.
        similarity: ``cosine``, or ``l2`` (minus the squared distance).

    Returns:
        float32 [n]: for every passage, the sum over query tokens of the best similarity.
    """
    if len(lengths) == 0:
        return query.new_zeros(0, dtype=torch.float32)
    similarities = tokens.float() @ query.float().T
    best = torch.segment_reduce(similarities, "max", lengths=lengths, axis=0)
    scores = best.sum(dim=1)
    if similarity == "l2":
        # Between unit vectors the squared distance is 2 - 2 cos, so the nearest is the same token.
        scores = 2 * scores - 2 * query.shape[0]
    return scores
