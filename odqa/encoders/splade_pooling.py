"""From the token logits of a masked language model to one weight per word of its vocabulary.

Formal et al. 2021, SPLADE v2, equations 1 (sum) and 6 (maximum): ``log(1 + ReLU(logit))``, pooled
over the tokens of a text. What is not zero is the text's sparse vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def splade_pooled(
    logits: Tensor, mask: Tensor, pooling: str = "max", activation: str = "relu"
) -> Tensor:
    """Weights of texts, as sentence-transformers' SpladePooling gives them.

    Args:
        logits: [n, t, vocabulary].
        mask: [n, t], 1 for real tokens, markers included.
        pooling: over tokens, ``max`` or ``sum``.
        activation: of a logit, ``relu`` (log(1 + ReLU)) or ``log1p_relu`` (its log(1 + x) again).

    Returns:
        float32 [n, vocabulary], none negative.
    """
    import torch

    hidden = mask[..., None] == 0
    if pooling == "max":
        # Both functions rise, so the largest logit has the largest weight.
        return _activated(logits.masked_fill(hidden, -torch.inf).amax(1).float(), activation)
    return _activated(logits.float().masked_fill(hidden, 0.0), activation).sum(1)


def _activated(logits: Tensor, activation: str) -> Tensor:
    weights = logits.relu().log1p()
    return weights.log1p() if activation == "log1p_relu" else weights


def sparse_rows(weights: np.ndarray, most: int | None = None) -> list[np.ndarray]:
    """What is not zero of each row: float32 [terms, 2] of term and weight, by rising term.

    Terms are kept as float32, which holds whole numbers up to 2**24 exactly: no vocabulary is as
    large.

    Args:
        weights: float32 [n, vocabulary].
        most: terms per row at most, those with the largest weights (sentence-transformers'
            ``max_active_dims``); of equal ones the lower term.
    """
    rows = []
    for row in weights:
        (terms,) = np.nonzero(row)
        if most is not None and len(terms) > most:
            order = np.argsort(-np.abs(row[terms]), kind="stable")[:most]
            terms = np.sort(terms[order])
        rows.append(np.stack([terms.astype(np.float32), row[terms]], axis=1))
    return rows
