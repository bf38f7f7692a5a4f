"""A first projection that keeps what token vectors differ in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def principal_directions(encoder: Any, chunks: Sequence[dict[str, Tensor]], dim: int) -> Tensor:
    """Directions of greatest variance of an encoder's token states.

    Args:
        encoder: gives ``last_hidden_state``.
        chunks: inputs; tokens that are padding do not count.
        dim: how many directions.

    Returns:
        float32 [dim, hidden], orthonormal rows; of each row the largest entry is positive, so
        that the result does not depend on the solver's choice of sign.
    """
    encoder.eval()
    states = []
    for chunk in chunks:
        mask = chunk["attention_mask"]
        hidden = encoder(input_ids=chunk["input_ids"], attention_mask=mask).last_hidden_state
        states.append(torch.nn.functional.normalize(hidden[mask.bool()].double(), dim=-1))
    tokens = torch.cat(states)
    _, vectors = torch.linalg.eigh(torch.cov(tokens.T))
    rows = vectors.flip(1)[:, :dim].T
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
    directions: Tensor = (rows * largest.sign()).float().contiguous()
    return directions
