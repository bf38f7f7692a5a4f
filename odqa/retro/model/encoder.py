"""The neighbour encoder: bidirectional, each neighbour alone, optionally conditioned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from odqa.retro.model.attention import Visibility, visibility
from odqa.retro.model.blocks import Block, CrossAttention, make_norm
from odqa.retro.model.config import RetroConfig
from odqa.retro.model.embedding import Embedding


class ChunkConditioning(CrossAttention):
    """Cross-attention from neighbour tokens to the retrieving chunk's decoder states."""

    def condition(self, x: Tensor, chunk: Tensor, visible: Visibility, k: int) -> Tensor:
        """``x`` [G, k * r, e] attends to ``chunk`` [G, m, d]; distance i' - i."""
        kv = self.keys_values(chunk)
        mixed = self.attention(self.norm(x), kv, visible=visible, query_groups=k)
        return self.add(x, mixed)


class NeighbourEncoder(nn.Module):
    """Ids of neighbours to encodings E, with the same weights for all neighbours and chunks."""

    def __init__(self, config: RetroConfig) -> None:
        super().__init__()
        stack = config.encoder
        self.embedding = Embedding(stack, config.vocab_size, own_table=not config.share_embeddings)
        self.blocks = nn.ModuleList(
            Block(
                stack,
                ChunkConditioning(stack, config.decoder.d_model, norm_source=True)
                if layer in stack.cross_layers
                else None,
            )
            for layer in range(1, stack.layers + 1)
        )
        self.norm = make_norm(stack) if stack.final_norm else nn.Identity()

    def forward(
        self,
        ids: Tensor,
        mask: Tensor,
        table: Tensor,
        chunk: Tensor | None = None,
        chunk_mask: Tensor | None = None,
    ) -> Tensor:
        """Encode neighbours.

        Args:
            ids: [G, k, r] int64, k neighbours of each of G chunks.
            mask: [G, k, r] bool, true on real tokens.
            table: token embeddings [V, e].
            chunk: [G, m, d] decoder states of the retrieving chunks after the self-attention of
                the first cross layer; a conditioned encoder needs them.
            chunk_mask: [G, m] bool, true on real tokens; None means all are.

        Returns:
            [G, k, r, e].

        Raises:
            ValueError: a conditioned encoder without ``chunk``.
        """
        groups, k, r = ids.shape
        flat_mask = mask.reshape(groups * k, r)
        tokens = token_visibility(flat_mask)
        x = self.embedding(ids.reshape(groups * k, r), flat_mask, table)
        for block in self.blocks:
            assert isinstance(block, Block)
            # The keys and values get no name, so that they are freed before the next product.
            x = block.attend(x, tokens)[0]
            if isinstance(block.cross, ChunkConditioning):
                if chunk is None:
                    raise ValueError("a conditioned encoder needs the retrieving chunk's states")
                visible = chunk_visibility(chunk, chunk_mask)
                x = block.cross.condition(x.reshape(groups, k * r, -1), chunk, visible, k)
                x = x.reshape(groups * k, r, -1)
            x = block.feed(x)
        out: Tensor = self.norm(x)
        return out.reshape(groups, k, r, -1)


def token_visibility(mask: Tensor) -> Visibility:
    """A neighbour's tokens see each other, [N, r], but not its padding."""
    return visibility(mask[:, None, None, :])


def chunk_visibility(chunk: Tensor, mask: Tensor | None) -> Visibility:
    """The tokens of the retrieving chunk that neighbours attend to: all but padding."""
    if mask is None:
        mask = torch.ones(chunk.shape[:2], dtype=torch.bool, device=chunk.device)
    return visibility(mask[:, None, None, :])
