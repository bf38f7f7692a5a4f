"""LLaMA, Mistral and Qwen2: pre-norm RMSNorm, rotary positions, SwiGLU, shared key heads."""

from __future__ import annotations

import torch

from odqa.retro.create.bases.base import Base, SourceCheckpoint, copy_linear
from odqa.retro.model.config import StackConfig

PARTS = {
    "self_attention.q_proj": "self_attn.q_proj",
    "self_attention.o_proj": "self_attn.o_proj",
    "self_norm": "input_layernorm",
    "ffw.gate_proj": "mlp.gate_proj",
    "ffw.up_proj": "mlp.up_proj",
    "ffw.down_proj": "mlp.down_proj",
    "ffw_norm": "post_attention_layernorm",
}


def read_llama(checkpoint: SourceCheckpoint) -> Base:
    """The stack of a LLaMA-like checkpoint; shared key and value heads are repeated."""
    checkpoint.demand("hidden_act", "silu")
    checkpoint.demand("rope_scaling")
    checkpoint.demand("mlp_bias", False)
    if checkpoint.settings.get("use_sliding_window", True):
        checkpoint.demand("sliding_window")
    d, heads = checkpoint.setting("hidden_size"), checkpoint.setting("num_attention_heads")
    key_heads = checkpoint.setting("num_key_value_heads", heads)
    head_dim = checkpoint.setting("head_dim", d // heads)
    source = checkpoint.without_prefix("model.")
    weights = {"embedding.tokens.weight": source["embed_tokens.weight"]}
    weights["norm.weight"] = source["norm.weight"]
    layers = checkpoint.setting("num_hidden_layers")
    for layer in range(layers):
        for ours, theirs in PARTS.items():
            copy_linear(weights, f"blocks.{layer}.{ours}", source, f"layers.{layer}.{theirs}")
        for name in ("k_proj", "v_proj"):
            theirs = f"layers.{layer}.self_attn.{name}"
            for kind in ("weight", "bias"):
                if f"{theirs}.{kind}" not in source:
                    continue
                by_head = torch.unflatten(source[f"{theirs}.{kind}"], 0, (key_heads, head_dim))
                repeated = by_head.repeat_interleave(heads // key_heads, 0).flatten(0, 1)
                weights[f"blocks.{layer}.self_attention.{name}.{kind}"] = repeated
    stack = StackConfig(
        d_model=d,
        heads=heads,
        head_dim=head_dim,
        layers=layers,
        d_ffw=checkpoint.setting("intermediate_size"),
        position="rope",
        cross_position="rope",
        ffw="swiglu",
        norm="rms",
        norm_eps=checkpoint.setting("rms_norm_eps", 1e-6),
        bias="blocks.0.self_attention.q_proj.bias" in weights,
        out_bias="blocks.0.self_attention.o_proj.bias" in weights,
        rotary_theta=checkpoint.setting("rope_theta", 10_000.0),
    )
    vocab = weights["embedding.tokens.weight"].shape[0]
    pad = checkpoint.settings.get("pad_token_id") or 0
    tied = bool(checkpoint.settings.get("tie_word_embeddings"))
    readout = None if tied else checkpoint.tensors.get("lm_head.weight")
    return Base(stack, vocab, pad, weights, readout)
