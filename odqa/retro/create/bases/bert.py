"""BERT and RoBERTa: post-norm, biases, absolute positions, LayerNorm over the embeddings."""

from __future__ import annotations

from odqa.retro.create.bases.base import Base, Foreign, copy_linear
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


def read_bert(foreign: Foreign) -> Base:
    """The stack of a BERT-like checkpoint; token type 0 is folded into the positions."""
    foreign.demand("hidden_act", *ACTIVATIONS)
    foreign.demand("position_embedding_type", "absolute")
    d, heads = foreign.setting("hidden_size"), foreign.setting("num_attention_heads")
    source = foreign.without_prefix("bert.", "roberta.")
    pad = foreign.setting("pad_token_id", 0)
    places = source["embeddings.position_embeddings.weight"]
    if foreign.setting("model_type") == "roberta":
        # Its positions count from the padding index + 1.
        places = places[pad + 1 :]
    weights = {
        "embedding.tokens.weight": source["embeddings.word_embeddings.weight"],
        "embedding.places.weight": places + source["embeddings.token_type_embeddings.weight"][0],
    }
    copy_linear(weights, "embedding.norm", source, "embeddings.LayerNorm")
    layers = foreign.setting("num_hidden_layers")
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
        d_ffw=foreign.setting("intermediate_size"),
        position="absolute",
        ffw=ACTIVATIONS[foreign.setting("hidden_act", "gelu")],
        norm="layer",
        norm_eps=foreign.setting("layer_norm_eps", 1e-12),
        norm_order="post",
        embed_norm=True,
        final_norm=False,
        bias=True,
        max_positions=places.shape[0],
    )
    return Base(stack, weights["embedding.tokens.weight"].shape[0], pad, weights)
