"""Norms, feed-forward, gates, and the block that both stacks consist of."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from odqa.retro.model.attention import Attention, KeyValues, Visibility
from odqa.retro.model.config import StackConfig
from odqa.retro.model.kv_cache import KeyValueCache
from odqa.retro.model.prepacked import PrepackedLinear


class LayerNorm1p(nn.LayerNorm):
    """LayerNorm whose stored weight is the deviation from one (Megatron's layernorm-1p)."""

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight + 1, self.bias, self.eps)


def make_norm(config: StackConfig, width: int | None = None) -> nn.Module:
    """The stack's kind of norm over ``width`` (default: its own width)."""
    d = config.d_model if width is None else width
    if config.norm == "rms":
        return nn.RMSNorm(d, eps=config.norm_eps)
    kind = nn.LayerNorm if config.norm == "layer" else LayerNorm1p
    return kind(d, eps=config.norm_eps)


class FeedForward(nn.Module):
    """Two matrices, or three where the activation is gated (GEGLU, SwiGLU)."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        bias = config.bias if config.out_bias is None else config.out_bias
        self.kind = config.ffw
        self.up_proj: nn.Module = nn.Linear(config.d_model, config.d_ffw, bias=bias)
        self.down_proj = nn.Linear(config.d_ffw, config.d_model, bias=bias)
        if self.kind in ("geglu", "swiglu"):
            self.gate_proj = nn.Linear(config.d_model, config.d_ffw, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "gelu" and isinstance(self.up_proj, PrepackedLinear):
            fused: Tensor = self.down_proj(self.up_proj.gelu(x))
            return fused
        up = self.up_proj(x)
        if self.kind == "gelu":
            hidden = F.gelu(up)
        elif self.kind == "gelu_tanh":
            hidden = F.gelu(up, approximate="tanh")
        elif self.kind == "relu":
            hidden = F.relu(up)
        elif self.kind == "squared_relu":
            hidden = F.relu(up).square()
        elif self.kind == "geglu":
            hidden = F.gelu(self.gate_proj(x)) * up
        else:
            hidden = F.silu(self.gate_proj(x)) * up
        out: Tensor = self.down_proj(hidden)
        return out


class Gate(nn.Module):
    """``tanh`` of a learned scalar, zero at the start: the gated branch adds nothing at first."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.tanh()


class CrossAttention(nn.Module):
    """Attention to another stack's states, always a pre-norm residual with an optional gate.

    Even in a post-norm stack: normalising the sum again would change the base model at gate zero.
    """

    def __init__(self, config: StackConfig, d_source: int, *, norm_source: bool) -> None:
        super().__init__()
        self.norm = make_norm(config)
        self.source_norm = make_norm(config, d_source) if norm_source else nn.Identity()
        self.attention = Attention(config, config.cross_position, d_source)
        self.gate = Gate() if config.gated else nn.Identity()
        self.drop = nn.Dropout(config.dropout)

    def keys_values(self, source: Tensor, groups: int = 1) -> KeyValues:
        """Keys and values of ``source`` [N, groups * K, d_source]."""
        return self.attention.keys_values(self.source_norm(source), groups=groups)

    def add(self, h: Tensor, mixed: Tensor) -> Tensor:
        """The residual stream ``h`` plus the attention output ``mixed``."""
        gated: Tensor = self.gate(self.drop(mixed))
        return h + gated


class Block(nn.Module):
    """Self-attention, then cross-attention where there is one, then feed-forward."""

    def __init__(self, config: StackConfig, cross: CrossAttention | None) -> None:
        super().__init__()
        self.post_norm = config.norm_order == "post"
        self.self_norm = make_norm(config)
        self.self_attention = Attention(config, config.position)
        self.cross = cross
        self.ffw_norm = make_norm(config)
        self.ffw = FeedForward(config)
        self.drop = nn.Dropout(config.dropout)

    def residual(self, h: Tensor, norm: nn.Module, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        """``h + sublayer(norm(h))``, or ``norm(h + sublayer(h))`` in a post-norm stack."""
        out: Tensor = sublayer(h if self.post_norm else norm(h))
        total: Tensor = h + self.drop(out)
        normed: Tensor = norm(total) if self.post_norm else total
        return normed

    def attend(
        self,
        h: Tensor,
        visible: Visibility | None = None,
        *,
        causal: bool = False,
        past: KeyValueCache | None = None,
    ) -> tuple[Tensor, KeyValues]:
        """Self-attention over ``past`` and ``h`` [N, T, d]; returns states and all keys/values.

        The new keys and values are appended to ``past``.
        """
        start = 0 if past is None else past.length
        kvs: list[KeyValues] = []

        def self_attend(x: Tensor) -> Tensor:
            kv = self.self_attention.keys_values(x, start)
            kvs.append(kv if past is None else past.append(kv))
            out: Tensor = self.self_attention(
                x, kvs[0], offset=start, visible=visible, causal=causal
            )
            return out

        return self.residual(h, self.self_norm, self_attend), kvs[0]

    def feed(self, h: Tensor) -> Tensor:
        """Feed-forward sub-layer."""
        return self.residual(h, self.ffw_norm, self.ffw)
