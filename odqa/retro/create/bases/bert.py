"""BERT and RoBERTa: post-norm, biases, absolute positions, LayerNorm over the embeddings."""

from __future__ import annotations

from odqa.retro.create.bases.base import Base, SourceCheckpoint, copy_linear
from odqa.retro.model.config import FeedForwardKind, StackConfig

ACTIVATIONS: dict[str, FeedForwardKind] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "relu": "relu",
}
PARTS = {
    "self_attention.q_proj": "attention.self.query",
    "self_attention.k_proj": "attention.self.key",
    "self_attention.v_proj": "attention.self.value",
    "self_attention.o_proj": "attention.output.dense",
    "self_norm": "attention.output.LayerNorm",
    "ffw.up_proj": "intermediate.dense",
    "ffw.down_proj": "output.dense",
    "ffw_norm": "output.LayerNorm",
}


def read_bert(checkpoint: SourceCheckpoint) -> Base:
    """The stack of a BERT-like checkpoint; token type 0 is folded into the positions."""
    checkpoint.demand("hidden_act", *ACTIVATIONS)
    checkpoint.demand("position_embedding_type", "absolute")
    d, heads = checkpoint.setting("hidden_size"), checkpoint.setting("num_attention_heads")
    source = checkpoint.without_prefix("bert.", "roberta.")
    pad = checkpoint.setting("pad_token_id", 0)
    places = source["embeddings.position_embeddings.weight"]
    if checkpoint.setting("model_type") == "roberta":
        # Its positions count from the padding index + 1.
        places = places[pad + 1 :]
    weights = {
        "embedding.tokens.weight": source["embeddings.word_embeddings.weight"],
        "embedding.places.weight": places + source["embeddings.token_type_embeddings.weight"][0],
    }
    copy_linear(weights, "embedding.norm", source, "embeddings.LayerNorm")
    layers = checkpoint.setting("num_hidden_layers")
    for layer in range(layers):
        for ours, theirs in PARTS.items():
            copy_linear(
                weights, f"blocks.{layer}.{ours}", source, f"encoder.layer.{layer}.{theirs}"
            )
    stack = StackConfig(
        d_model=d,
        heads=heads,
        head_dim=d // heads,
        layers=layers,
        d_ffw=checkpoint.setting("intermediate_size"),
        position="absolute",
        ffw=ACTIVATIONS[checkpoint.setting("hidden_act", "gelu")],
        norm="layer",
        norm_eps=checkpoint.setting("layer_norm_eps", 1e-12),
        norm_order="post",
        embed_norm=True,
        final_norm=False,
        bias=True,
        max_positions=places.shape[0],
    )
    return Base(stack, weights["embedding.tokens.weight"].shape[0], pad, weights)
