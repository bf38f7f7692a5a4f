"""Relative positions: whatever is added here depends on the signed distance of two tokens only.

Every kind answers the same three questions about queries at ``i`` and keys at ``j`` whose
distance is ``i - j + offset``: how a vector rotates, what is added to the content query, and what
is added to the logits. Several runs that restart their count (neighbours) are called groups.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from odqa.retro.config import StackConfig


class Positions(nn.Module):
    """No positions at all; base of the other kinds."""

    def rotate(self, x: Tensor, start: int, groups: int = 1) -> Tensor:
        """Rotate ``x`` [..., groups * T, c], each group at positions start..start+T-1."""
        del start, groups
        return x

    def content_query(self, q: Tensor) -> Tensor:
        """The query [N, H, T, c] as it meets the keys' content."""
        return q

    def bias(
        self, q: Tensor, keys: int, offset: int, *, query_groups: int = 1, key_groups: int = 1
    ) -> Tensor | None:
        """Scaled logits to add, broadcastable to [N, H, query_groups * T, key_groups * keys]."""
        del q, keys, offset, query_groups, key_groups
        return None


class Rotary(Positions):
    """Rotary embedding (Su et al. 2021) in the half-split form, on the first dimensions."""

    def __init__(self, dim: int, theta: float) -> None:
        super().__init__()
        self.dim, self.theta = dim, theta

    def rotate(self, x: Tensor, start: int, groups: int = 1) -> Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        steps = torch.arange(0, self.dim, 2, device=x.device, dtype=wide)
        time = torch.arange(x.shape[-2] // groups, device=x.device, dtype=wide) + start
        angle = torch.outer(time, self.theta ** (-steps / self.dim)).repeat(groups, 2)
        head, tail = x[..., : self.dim], x[..., self.dim :]
        left, right = head.chunk(2, dim=-1)
        turned = head * angle.cos().to(x.dtype)
        turned = turned + torch.cat((-right, left), -1) * angle.sin().to(x.dtype)
        return torch.cat((turned, tail), -1) if tail.shape[-1] else turned


class Bucketed(Positions):
    """A learned bias per head and bucket of the signed distance (T5's buckets)."""

    def __init__(self, heads: int, buckets: int, max_distance: int) -> None:
        super().__init__()
        self.buckets, self.max_distance = buckets, max_distance
        self.table = nn.Embedding(buckets, heads)

    def bias(
        self, q: Tensor, keys: int, offset: int, *, query_groups: int = 1, key_groups: int = 1
    ) -> Tensor:
        queries = q.shape[-2] // query_groups
        buckets = bucket(
            distances(queries, keys, offset, q.device), self.buckets, self.max_distance
        )
        bias = self.table(buckets).permute(2, 0, 1)
        return bias.repeat(1, query_groups, key_groups)


class TransformerXL(Positions):
    """``(q + u)·k + (q + v)·W_R s(distance)`` (Dai et al. 2019), as RETRO's counts imply."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.heads, self.head_dim, self.scale = config.heads, config.head_dim, config.scale
        self.r_proj = nn.Linear(config.d_model, config.width, bias=False)
        self.u = nn.Parameter(torch.zeros(config.heads, config.head_dim))
        self.v = nn.Parameter(torch.zeros(config.heads, config.head_dim))
        self._kept: tuple[tuple[object, ...], Tensor] | None = None

    def content_query(self, q: Tensor) -> Tensor:
        return q + self.u.unsqueeze(1)

    def bias(
        self, q: Tensor, keys: int, offset: int, *, query_groups: int = 1, key_groups: int = 1
    ) -> Tensor:
        queries = q.shape[-2] // query_groups
        by_distance = ((q + self.v.unsqueeze(1)) * self.scale) @ self.projection(
            queries, keys, offset
        )
        if query_groups > 1:
            by_distance = torch.unflatten(by_distance, -2, (query_groups, queries))
        bias = relative_shift(by_distance, keys)
        if query_groups > 1:
            bias = bias.flatten(-3, -2)
        if key_groups > 1:
            bias = bias.unsqueeze(-2).expand(*bias.shape[:-1], key_groups, keys).flatten(-2)
        return bias

    def projection(self, queries: int, keys: int, offset: int) -> Tensor:
        """``W_R s(distance)``, [H, c, queries + keys - 1], by falling distance.

        It does not depend on the input, so the last one is kept while nothing is trained.
        """
        weight = self.r_proj.weight
        if torch.is_grad_enabled() or weight.is_inference() or type(self.r_proj) is not nn.Linear:
            return self._project(queries, keys, offset)
        key = (queries, keys, offset, weight.data_ptr(), weight._version, weight.dtype)
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, self._project(queries, keys, offset))
        return self._kept[1]

    def _project(self, queries: int, keys: int, offset: int) -> Tensor:
        weight = self.r_proj.weight
        wide = torch.promote_types(weight.dtype, torch.float32)
        distance = torch.arange(queries + keys - 1, device=weight.device, dtype=wide)
        wave = sinusoid(queries - 1 + offset - distance, self.r_proj.in_features)
        flat: Tensor = self.r_proj(wave.to(weight.dtype))
        return torch.unflatten(flat, -1, (self.heads, self.head_dim)).permute(1, 2, 0)


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
    """From logits by falling distance [..., T, T + keys - 1] to [..., T, keys].

    Row i starts T - 1 - i columns in; a view of the flattened rows does that without a gather.
    """
    queries, width = by_distance.shape[-2:]
    if queries == 1:
        return by_distance
    flat = by_distance.flatten(-2)[..., queries - 1 : queries * width - 1]
    return torch.unflatten(flat, -1, (queries, width - 1))[..., :keys]


def make_positions(kind: str, config: StackConfig) -> Positions:
    """The positions of one attention; absolute ones are added to the embeddings instead."""
    if kind == "xl":
        return TransformerXL(config)
    if kind == "rope":
        return Rotary(config.rotary_dim, config.rotary_theta)
    if kind == "bias":
        return Bucketed(config.heads, config.buckets, config.max_distance)
    return Positions()
