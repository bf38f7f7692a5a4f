"""Megatron's command line as a `RetroConfig`; what that cannot express is refused."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterable
from typing import Any

from odqa.errors import CheckpointError
from odqa.retro.model.config import FeedForwardKind, Norm, RetroConfig, SelfPosition, StackConfig

CROSS = re.compile(r"encoder\.layers\.(\d+)\.inter_attention\.query\.weight")
RETRIEVER = re.compile(r"encoder\.layers\.(\d+)\.retriever\.layers\.(\d+)\.(.+)")
REFUSED = {
    "num_experts": "mixtures of experts",
    "group_query_attention": "grouped key and value heads",
    "apply_residual_connection_post_layernorm": "residuals from after the norm",
    "rotary_interleaved": "interleaved rotary dimensions",
    "rotary_seq_len_interpolation_factor": "interpolated rotary positions",
    "use_rope_scaling": "scaled rotary positions",
}


class Settings:
    """The command line a checkpoint was trained with."""

    def __init__(self, args: Namespace, where: str) -> None:
        self.args = vars(args)
        self.where = where

    def get(self, *names: str, default: object = None) -> Any:
        """The first of ``names`` that is set, else ``default``; without one a CheckpointError."""
        for name in names:
            if self.args.get(name) is not None:
                return self.args[name]
        if default is None:
            raise CheckpointError(f"its arguments lack {names[0]!r}", where=self.where)
        return default

    def on(self, name: str) -> bool:
        """Whether a switch is set."""
        return bool(self.args.get(name))

    def refuse(self, feature: str) -> CheckpointError:
        """The error for a feature that cannot be expressed."""
        return CheckpointError(f"{feature} are not supported", where=self.where)


def read_config(
    args: Namespace,
    names: Iterable[str],
    where: str,
    *,
    vocab_size: int | None = None,
    gate: float | None = None,
) -> RetroConfig:
    """The configuration of a checkpoint.

    Args:
        args: Megatron's arguments.
        names: of its weights; they show which layers have cross-attention.
        where: for errors.
        vocab_size: tokens of the tokenizer; None keeps Megatron's padded vocabulary.
        gate: factor on the decoder's cross-attention, None for the one in ``args``.

    Raises:
        CheckpointError: a missing size, or a feature that `RetroConfig` cannot express.
    """
    settings = Settings(args, where)
    for switch, feature in REFUSED.items():
        if settings.on(switch):
            raise settings.refuse(feature)
    if settings.on("add_qkv_bias") and not settings.on("add_bias_linear"):
        raise settings.refuse("biases of self-attention only")
    names = list(names)
    cross = sorted(int(match[1]) + 1 for name in names if (match := CROSS.fullmatch(name)))
    retriever = [match for name in names if (match := RETRIEVER.fullmatch(name))]
    if not cross or {int(match[1]) + 1 for match in retriever} != {cross[0]}:
        raise CheckpointError(
            "has no retriever in its first layer with cross-attention",
            where=where,
            cure="give a checkpoint trained with --retro-add-retriever",
        )
    position = self_position(settings)
    factor = retrieval_factor(settings, gate)
    common: dict[str, Any] = {
        "d_model": settings.get("hidden_size"),
        "heads": settings.get("num_attention_heads"),
        "head_dim": head_dim(settings),
        "d_ffw": settings.get("ffn_hidden_size"),
        "cross_position": "none",
        "ffw": feed_forward(settings),
        "norm": norm(settings),
        "norm_eps": settings.get("layernorm_epsilon", "norm_epsilon", default=1e-5),
        "bias": settings.on("add_bias_linear"),
        "rotary_fraction": settings.get("rotary_percent", default=1.0),
        "rotary_theta": float(settings.get("rotary_base", default=10_000)),
        "max_positions": settings.get("max_position_embeddings", default=512),
    }
    chunk = settings.get("retro_chunk_length", default=64)
    padded = settings.get("padded_vocab_size")
    if vocab_size is not None and not 0 < vocab_size <= padded:
        raise CheckpointError(
            f"vocab_size {vocab_size} is not within the {padded} tokens it holds", where=where
        )
    return RetroConfig(
        vocab_size=padded if vocab_size is None else vocab_size,
        decoder=StackConfig(
            layers=settings.get("num_layers"),
            cross_layers=tuple(cross),
            position=position,
            gated=factor != 1,
            **common,
        ),
        encoder=StackConfig(
            layers=1 + max(int(match[2]) for match in retriever),
            cross_layers=conditioned(retriever),
            # Rotary angles never reach the retriever; learned positions come with the embedding.
            position="absolute" if position == "absolute" else "none",
            final_norm=False,
            **common,
        ),
        chunk_length=chunk,
        neighbour_length=chunk * settings.get("retro_num_retrieved_chunks", default=2),
        share_embeddings=True,
        tied_readout=not settings.on("untie_embeddings_and_output_weights"),
        chunk_alignment="right",
    )


def conditioned(retriever: Iterable[re.Match[str]]) -> tuple[int, ...]:
    """Layers of the retriever that attend to the retrieving chunk."""
    query = "inter_attention.query.weight"
    return tuple(sorted(int(match[2]) + 1 for match in retriever if match[3] == query))


def head_dim(settings: Settings) -> int:
    """Size of a head: its own setting, or else width / heads."""
    implied = settings.get("hidden_size") // settings.get("num_attention_heads")
    size: int = settings.get("kv_channels", default=implied)
    return size


def self_position(settings: Settings) -> SelfPosition:
    """Positions of the decoder; older versions have two switches instead of a kind."""
    kind = settings.get("position_embedding_type", default="learned_absolute")
    if kind == "rope" or settings.on("use_rotary_position_embeddings"):
        return "rope"
    if kind == "none" or settings.args.get("add_position_embedding") is False:
        return "none"
    if kind != "learned_absolute":
        raise settings.refuse(f"positions of kind {kind!r}")
    return "absolute"


def feed_forward(settings: Settings) -> FeedForwardKind:
    """The activation, in the order in which Megatron checks its switches."""
    if settings.on("openai_gelu"):
        return "gelu_tanh"
    if settings.on("onnx_safe"):
        return "gelu"
    if settings.on("swiglu"):
        return "swiglu"
    if settings.on("squared_relu"):
        return "squared_relu"
    # Fused with a bias, GELU is its tanh approximation.
    fused = settings.on("bias_gelu_fusion") and settings.on("add_bias_linear")
    return "gelu_tanh" if fused else "gelu"


def norm(settings: Settings) -> Norm:
    """The kind of norm."""
    kind, centred = settings.get("normalization", default="LayerNorm"), "apply_layernorm_1p"
    if kind == "LayerNorm":
        return "layer1p" if settings.on(centred) else "layer"
    if kind != "RMSNorm" or settings.on(centred):
        raise settings.refuse(f"norms of kind {kind!r} with or without {centred}")
    return "rms"


def retrieval_factor(settings: Settings, gate: float | None) -> float:
    """Megatron's constant gate on the decoder's cross-attention, 0 (off) to 1 (in full)."""
    factor = settings.get("retro_attention_gate", default=1.0) if gate is None else gate
    if not 0 <= factor <= 1:
        raise CheckpointError(f"gate {factor} is not within 0 and 1", where=settings.where)
    return float(factor)
