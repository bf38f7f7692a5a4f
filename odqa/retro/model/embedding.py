"""Token embeddings, with learned absolute positions counted from the first real token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from odqa.retro.model.blocks import make_norm
from odqa.retro.model.config import StackConfig


class Embedding(nn.Module):
    """Token ids to states; the table may be that of another stack."""

    def __init__(self, config: StackConfig, vocab_size: int, *, own_table: bool = True) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, config.d_model) if own_table else None
        absolute = config.position == "absolute"
        self.places = nn.Embedding(config.max_positions, config.d_model) if absolute else None
        self.norm = make_norm(config) if config.embed_norm else nn.Identity()
        self.drop = nn.Dropout(config.dropout)

    def forward(
        self, ids: Tensor, mask: Tensor | None, table: Tensor, first: Tensor | int = 0
    ) -> Tensor:
        """States [N, T, d] of ids [N, T]; ``first`` [N, 1] is the first real token's place."""
        h = nn.functional.embedding(ids, table)
        if self.places is not None:
            h = h + self.places(places(ids, mask, first).clamp(max=self.places.num_embeddings - 1))
        out: Tensor = self.drop(self.norm(h))
        return out


def places(ids: Tensor, mask: Tensor | None, first: Tensor | int = 0) -> Tensor:
    """Places [N, T] (or [T]) counted from the first real token; padding repeats a real one's."""
    if mask is None:
        return torch.arange(ids.shape[-1], device=ids.device) + first
    return (mask.long().cumsum(-1) - 1).clamp(min=0) + first
