"""Principal components of token states: a projection that keeps what they differ in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def principal_components(encoder: Any, batches: Sequence[dict[str, Tensor]], dim: int) -> Tensor:
    """Directions of greatest variance of an encoder's token states.

    Args:
        encoder: gives ``last_hidden_state``.
        batches: ``input_ids`` and ``attention_mask`` [texts, tokens] each; padding does not count.
        dim: how many components.

    Returns:
        float32 [dim, hidden], orthonormal rows; of each row the largest entry is positive, so
        that the result does not depend on the solver's choice of sign.
    """
    encoder.eval()
    states = []
    for batch in batches:
        mask = batch["attention_mask"]
        hidden = encoder(input_ids=batch["input_ids"], attention_mask=mask).last_hidden_state
        states.append(torch.nn.functional.normalize(hidden[mask.bool()].double(), dim=-1))
    tokens = torch.cat(states)
    _, vectors = torch.linalg.eigh(torch.cov(tokens.T))
    rows = vectors.flip(1)[:, :dim].T
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
    components: Tensor = (rows * largest.sign()).float().contiguous()
    return components
