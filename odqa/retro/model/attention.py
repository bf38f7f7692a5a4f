"""Multi-head attention on fused kernels; a query without any visible key yields exactly zero."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from odqa.retro.model.config import StackConfig
from odqa.retro.model.positions import make_positions


class KeyValues(NamedTuple):
    """Projected keys and values, each [N, H, K, c]; keys already carry rotary positions."""

    keys: Tensor
    values: Tensor


class Visibility(NamedTuple):
    """Which keys a query may see, computed once and used by every layer.

    ``open`` [N, 1, T or 1, K] is the mask; rows that see nothing are all true there, so that
    softmax stays finite. ``alive`` [N, T or 1, 1] is false on these rows.
    """

    open: Tensor
    alive: Tensor


def visibility(valid: Tensor) -> Visibility:
    """From a boolean mask [N, 1, T or 1, K]."""
    alive = valid.any(-1, keepdim=True)
    return Visibility(valid | ~alive, alive.squeeze(1))


def causal_visibility(
    mask: Tensor | None, queries: int, keys: int, device: torch.device
) -> Visibility:
    """Query i of the last ``queries`` of ``keys`` tokens sees the tokens up to itself.

    ``mask`` [B, keys] is true on real tokens; None means all are.
    """
    triangle = torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)
    valid = triangle[None, None]
    return visibility(valid if mask is None else valid & mask[:, None, None, :])


def attend(
    q: Tensor,
    kv: KeyValues,
    *,
    scale: float,
    bias: Tensor | None = None,
    visible: Visibility | None = None,
    causal: bool = False,
) -> Tensor:
    """One softmax over all keys: [N, H, T, c] in and out."""
    mask = additive_mask(bias, visible, q.dtype)
    return F.scaled_dot_product_attention(
        q, kv.keys, kv.values, attn_mask=mask, is_causal=causal and mask is None, scale=scale
    )


def additive_mask(
    bias: Tensor | None, visible: Visibility | None, dtype: torch.dtype
) -> Tensor | None:
    """Position logits and visibility as the single mask that fused attention takes."""
    if visible is None:
        return None if bias is None else bias.to(dtype)
    if bias is None:
        return visible.open
    return bias.to(dtype).masked_fill(~visible.open, float("-inf"))


class Attention(nn.Module):
    """Projections, positions and mixing; plain linear layers so that adapters fit."""

    def __init__(self, config: StackConfig, position: str, d_source: int | None = None) -> None:
        super().__init__()
        d, width = config.d_model, config.width
        source = d if d_source is None else d_source
        out_bias = config.bias if config.out_bias is None else config.out_bias
        self.heads, self.head_dim, self.scale = config.heads, config.head_dim, config.scale
        self.q_proj = nn.Linear(d, width, bias=config.bias)
        self.k_proj = nn.Linear(source, width, bias=config.bias)
        self.v_proj = nn.Linear(source, width, bias=config.bias)
        self.o_proj = nn.Linear(width, d, bias=out_bias)
        self.positions = make_positions(position, config)

    def split(self, x: Tensor) -> Tensor:
        """[N, T, H * c] -> [N, H, T, c], a view."""
        by_head: Tensor = torch.unflatten(x, -1, (self.heads, self.head_dim))
        return by_head.transpose(1, 2)

    def queries(self, x: Tensor) -> Tensor:
        """Raw queries [N, H, T, c] of states [N, T, d]."""
        return self.split(self.q_proj(x))

    def keys_values(self, source: Tensor, start: int = 0, groups: int = 1) -> KeyValues:
        """Project ``source`` [N, groups * K, d_source]; each group's positions begin at start."""
        keys = self.positions.rotate(self.split(self.k_proj(source)), start, groups)
        return KeyValues(keys, self.split(self.v_proj(source)))

    def logit_parts(
        self,
        q: Tensor,
        keys: int,
        offset: int,
        query_groups: int = 1,
        key_groups: int = 1,
        causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The query to multiply with the keys, and the additive position logits.

        ``keys`` counts one group; the distance of query i and key j is ``i - j + offset``.
        """
        bias = self.positions.bias(
            q, keys, offset, query_groups=query_groups, key_groups=key_groups, causal=causal
        )
        content = self.positions.content_query(q)
        return self.positions.rotate(content, offset, query_groups), bias

    def merge(self, mixed: Tensor, visible: Visibility | None) -> Tensor:
        """Heads to states [N, T, d]; rows that see nothing become exactly zero, bias included."""
        out: Tensor = self.o_proj(mixed.transpose(1, 2).flatten(2))
        return out if visible is None else out * visible.alive

    def forward(
        self,
        x: Tensor,
        kv: KeyValues,
        *,
        offset: int = 0,
        visible: Visibility | None = None,
        causal: bool = False,
        query_groups: int = 1,
        key_groups: int = 1,
    ) -> Tensor:
        """Attend from ``x`` [N, query_groups * T, d] to ``kv``; returns states like ``x``.

        ``causal`` masks the future where ``visible`` is None; else it states that ``visible`` does.
        """
        keys = kv.keys.shape[-2] // key_groups
        q, bias = self.logit_parts(self.queries(x), keys, offset, query_groups, key_groups, causal)
        mixed = attend(q, kv, scale=self.scale, bias=bias, visible=visible, causal=causal)
        # The largest tensors of a pass: freed before the output product needs memory.
        del q, bias
        return self.merge(mixed, visible)

    def weights(
        self,
        x: Tensor,
        kv: KeyValues,
        *,
        offset: int = 0,
        visible: Visibility | None = None,
        causal: bool = False,
        query_groups: int = 1,
        key_groups: int = 1,
    ) -> tuple[Tensor, Tensor]:
        """Softmax weights and logits of `forward`, each [N, H, T, K].

        Rows that see nothing have zero weights; logits are scaled and unmasked.
        """
        keys = kv.keys.shape[-2] // key_groups
        q, bias = self.logit_parts(self.queries(x), keys, offset, query_groups, key_groups, causal)
        logits = q @ kv.keys.transpose(-1, -2) * self.scale
        logits = logits if bias is None else logits + bias
        if visible is None:
            return logits.softmax(-1), logits
        weights = logits.masked_fill(~visible.open, float("-inf")).softmax(-1)
        return weights * visible.alive.unsqueeze(1), logits
