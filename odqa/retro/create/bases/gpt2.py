"""GPT-2: pre-norm LayerNorm, biases, absolute positions, fused and transposed projections."""

from __future__ import annotations

from odqa.retro.create.bases.base import Base, SourceCheckpoint, copy_linear
from odqa.retro.create.bases.bert import ACTIVATIONS
from odqa.retro.model.config import StackConfig

TRANSPOSED = {
    "self_attention.o_proj": "attn.c_proj",
    "ffw.up_proj": "mlp.c_fc",
    "ffw.down_proj": "mlp.c_proj",
}


def read_gpt2(checkpoint: SourceCheckpoint) -> Base:
    """The stack of a GPT-2 checkpoint."""
    checkpoint.demand("activation_function", *ACTIVATIONS)
    checkpoint.demand("scale_attn_weights", True)
    checkpoint.demand("scale_attn_by_inverse_layer_idx", False)
    d, heads = checkpoint.setting("n_embd"), checkpoint.setting("n_head")
    source = checkpoint.without_prefix("transformer.")
    weights = {
        "embedding.tokens.weight": source["wte.weight"],
        "embedding.places.weight": source["wpe.weight"],
    }
    copy_linear(weights, "norm", source, "ln_f")
    layers = checkpoint.setting("n_layer")
    for layer in range(layers):
        ours, theirs = f"blocks.{layer}", f"h.{layer}"
        copy_linear(weights, f"{ours}.self_norm", source, f"{theirs}.ln_1")
        copy_linear(weights, f"{ours}.ffw_norm", source, f"{theirs}.ln_2")
        fused = source[f"{theirs}.attn.c_attn.weight"].t().chunk(3)
        biases = source[f"{theirs}.attn.c_attn.bias"].chunk(3)
        for name, weight, bias in zip(("q_proj", "k_proj", "v_proj"), fused, biases, strict=True):
            weights[f"{ours}.self_attention.{name}.weight"] = weight
            weights[f"{ours}.self_attention.{name}.bias"] = bias
        for to, name in TRANSPOSED.items():
            weights[f"{ours}.{to}.weight"] = source[f"{theirs}.{name}.weight"].t()
            weights[f"{ours}.{to}.bias"] = source[f"{theirs}.{name}.bias"]
    stack = StackConfig(
        d_model=d,
        heads=heads,
        head_dim=d // heads,
        layers=layers,
        d_ffw=weights["blocks.0.ffw.up_proj.weight"].shape[0],
        position="absolute",
        ffw=ACTIVATIONS[checkpoint.setting("activation_function", "gelu_new")],
        norm="layer",
        norm_eps=checkpoint.setting("layer_norm_epsilon", 1e-5),
        bias=True,
        max_positions=weights["embedding.places.weight"].shape[0],
    )
    vocab = weights["embedding.tokens.weight"].shape[0]
    pad = checkpoint.settings.get("pad_token_id")
    end = checkpoint.settings.get("eos_token_id") or 0
    pad = min(end, vocab - 1) if pad is None else pad
    tied = bool(checkpoint.settings.get("tie_word_embeddings", True))
    readout = None if tied else checkpoint.tensors.get("lm_head.weight")
    return Base(stack, vocab, pad, weights, readout)
