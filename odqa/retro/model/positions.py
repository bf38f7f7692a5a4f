"""Relative positions: what is added here depends on the signed distance of two tokens only.

For queries at ``i`` and keys at ``j``, at distance ``i - j + offset``, every kind defines three
things: how a vector rotates, what is added to the content query, and what is added to the logits.
A group is a span of tokens whose positions are counted from its own start, such as a neighbour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from odqa.retro.model.config import StackConfig


class Positions(nn.Module):
    """No positions at all; base of the other kinds."""

    def rotate(self, x: Tensor, start: int, groups: int = 1) -> Tensor:
        """Rotate ``x`` [..., groups * T, c], each group at positions start..start+T-1."""
        del start, groups
        return x

    def content_query(self, q: Tensor) -> Tensor:
        """The query [N, H, T, c] that is multiplied with the keys' content."""
        return q

    def bias(
        self,
        q: Tensor,
        keys: int,
        offset: int,
        *,
        query_groups: int = 1,
        key_groups: int = 1,
        causal: bool = False,
    ) -> Tensor | None:
        """Scaled logits to add, broadcastable to [N, H, query_groups * T, key_groups * keys].

        ``causal`` states that keys after the query are masked and that the last query is at the
        last key; what is added to masked keys is then arbitrary but finite.
        """
        del q, keys, offset, query_groups, key_groups, causal
        return None


class Rotary(Positions):
    """Rotary embedding (Su et al. 2021) in the half-split form, on the first dimensions."""

    def __init__(self, dim: int, theta: float) -> None:
        super().__init__()
        self.dim, self.theta = dim, theta

    def rotate(self, x: Tensor, start: int, groups: int = 1) -> Tensor:
        dtype = torch.promote_types(x.dtype, torch.float32)
        steps = torch.arange(0, self.dim, 2, device=x.device, dtype=dtype)
        time = torch.arange(x.shape[-2] // groups, device=x.device, dtype=dtype) + start
        angle = torch.outer(time, self.theta ** (-steps / self.dim)).repeat(groups, 2)
        head, tail = x[..., : self.dim], x[..., self.dim :]
        left, right = head.chunk(2, dim=-1)
        rotated = head * angle.cos().to(x.dtype)
        rotated = rotated + torch.cat((-right, left), -1) * angle.sin().to(x.dtype)
        return torch.cat((rotated, tail), -1) if tail.shape[-1] else rotated


class Bucketed(Positions):
    """A learned bias per head and bucket of the signed distance (T5's buckets)."""

    def __init__(self, heads: int, buckets: int, max_distance: int) -> None:
        super().__init__()
        self.buckets, self.max_distance = buckets, max_distance
        self.table = nn.Embedding(buckets, heads)

    def bias(
        self,
        q: Tensor,
        keys: int,
        offset: int,
        *,
        query_groups: int = 1,
        key_groups: int = 1,
        causal: bool = False,
    ) -> Tensor:
        del causal
        queries = q.shape[-2] // query_groups
        buckets = bucket(
            distances(queries, keys, offset, q.device), self.buckets, self.max_distance
        )
        bias: Tensor = self.table(buckets).permute(2, 0, 1)
        return bias.repeat(1, query_groups, key_groups)


class TransformerXL(Positions):
    """``(q + u)·k + (q + v)·W_R s(distance)`` (Dai et al. 2019), as RETRO's counts imply."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.heads, self.head_dim, self.scale = config.heads, config.head_dim, config.scale
        self.r_proj = nn.Linear(config.d_model, config.width, bias=False)
        self.u = nn.Parameter(torch.zeros(config.heads, config.head_dim))
        self.v = nn.Parameter(torch.zeros(config.heads, config.head_dim))
        self._table = _ProjectionTable()

    def train(self, mode: bool = True) -> Self:
        # Weights may change between two modes, and ``.data`` changes them without a new version.
        self._table = _ProjectionTable()
        return super().train(mode)

    def content_query(self, q: Tensor) -> Tensor:
        return q + self.u.unsqueeze(1)

    def bias(
        self,
        q: Tensor,
        keys: int,
        offset: int,
        *,
        query_groups: int = 1,
        key_groups: int = 1,
        causal: bool = False,
    ) -> Tensor:
        batch, heads, rows, _ = q.shape
        queries = rows // query_groups
        by_falling = self.projection(queries - 1 + offset, keys if causal else queries + keys - 1)
        # One large product per head; broadcasting would copy the projection for each sequence.
        flat = (
            ((q + self.v.unsqueeze(1)) * self.scale).transpose(0, 1).reshape(heads, -1, q.shape[-1])
        )
        by_distance = (flat @ by_falling).reshape(heads, batch, query_groups, queries, -1)
        bias = relative_shift(by_distance.transpose(0, 1), keys)
        if key_groups > 1:
            bias = bias.unsqueeze(-2).expand(*bias.shape[:-1], key_groups, keys).flatten(-2)
        return bias.flatten(2, 3)

    def projection(self, top: int, width: int) -> Tensor:
        """``W_R s(distance)`` [H, c, width] for the distances top, top - 1, ...

        It does not depend on the input, so a table of it is reused while nothing is trained.
        """
        weight = self.r_proj.weight
        if torch.is_grad_enabled() or weight.is_inference() or type(self.r_proj) is not nn.Linear:
            return self._project(top, width)
        low = top - width + 1
        version = (weight.data_ptr(), weight._version, weight.dtype)
        table = self._table
        if table.version != version:
            table = _ProjectionTable(version)
        if top > table.high or low < table.low:
            # Rounded up to powers of two: decoding token by token rarely computes a new table.
            high, bottom = max(_round_up(top), table.high), min(-_round_up(-low), table.low)
            table = _ProjectionTable(version, high, bottom, self._project(high, high - bottom + 1))
        self._table = table
        assert table.values is not None
        return table.values[..., table.high - top : table.high - top + width]

    def _project(self, top: int, width: int) -> Tensor:
        weight = self.r_proj.weight
        wide = torch.promote_types(weight.dtype, torch.float32)
        column = torch.arange(width, device=weight.device, dtype=wide)
        wave = sinusoid(top - column, self.r_proj.in_features).to(weight.dtype)
        flat: Tensor = self.r_proj(wave)
        by_head: Tensor = torch.unflatten(flat, -1, (self.heads, self.head_dim))
        return by_head.permute(1, 2, 0)


@dataclass(frozen=True)
class _ProjectionTable:
    """A projected table for the distances ``high`` down to ``low``."""

    version: tuple[object, ...] = ()
    high: int = -1
    low: int = 1
    values: Tensor | None = None


def _round_up(length: int) -> int:
    return 1 << (length - 1).bit_length() if length > 0 else 0


def distances(queries: int, keys: int, offset: int, device: torch.device) -> Tensor:
    """Signed distances ``i - j + offset``, int64 [queries, keys]."""
    i = torch.arange(queries, device=device).unsqueeze(1)
    return i - torch.arange(keys, device=device) + offset


def bucket(distance: Tensor, buckets: int, limit: int) -> Tensor:
    """T5's buckets of a signed distance: exact when small, logarithmic up to ``limit``."""
    half, exact = buckets // 2, buckets // 4
    size = distance.abs()
    growth = (size.clamp(min=1) / exact).log() / math.log(limit / exact) * (half - exact)
    coarse = (exact + growth.long()).clamp(max=half - 1)
    return torch.where(size < exact, size, coarse) + half * (distance < 0)


def sinusoid(distance: Tensor, width: int) -> Tensor:
    """Sine and cosine of a signed distance [D] -> [D, width]; an odd width drops one cosine."""
    steps = torch.arange(0, width, 2, device=distance.device, dtype=distance.dtype)
    angle = torch.outer(distance, 10_000.0 ** (-steps / width))
    return torch.cat((angle.sin(), angle.cos()), -1)[:, :width]


def relative_shift(by_distance: Tensor, keys: int) -> Tensor:
    """From logits by falling distance [..., T, D] to [..., T, keys].

    Row i starts T - 1 - i columns in; windows over the flattened rows do that without a gather.
    D is T + keys - 1, or ``keys`` where the future is masked (its entries are then arbitrary).
    """
    queries, width = by_distance.shape[-2:]
    if queries == 1:
        return by_distance[..., :keys]
    flat = by_distance.flatten(-2)[..., queries - 1 :]
    return flat.unfold(-1, keys, width - 1)[..., :queries, :]


def make_positions(kind: str, config: StackConfig) -> Positions:
    """The positions of one attention; absolute ones are added to the embeddings instead."""
    if kind == "xl":
        return TransformerXL(config)
    if kind == "rope":
        return Rotary(config.rotary_dim, config.rotary_theta)
    if kind == "bias":
        return Bucketed(config.heads, config.buckets, config.max_distance)
    return Positions()
