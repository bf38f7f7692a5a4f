"""A tiny Retro checkpoint as Megatron's legacy code would save it, divided among ranks."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SIZES: dict[str, Any] = {
    "num_layers": 9,
    "hidden_size": 24,
    "ffn_hidden_size": 20,
    "num_attention_heads": 4,
    "kv_channels": 8,
    "layernorm_epsilon": 1e-5,
    "padded_vocab_size": 64,
    "max_position_embeddings": 64,
    "retro_add_retriever": True,
    "retro_chunk_length": 8,
    "retro_num_retrieved_chunks": 2,
    "retro_encoder_layers": 2,
    "rotary_percent": 0.5,
    "use_rotary_position_embeddings": True,
    "add_position_embedding": False,
    "apply_layernorm_1p": True,
    "swiglu": True,
    "add_bias_linear": False,
    "untie_embeddings_and_output_weights": True,
    "pipeline_model_parallel_size": 1,
    "params_dtype": torch.float32,
}
COLUMN = ("query_key_value", "query", "key_value", "dense_h_to_4h")
ROW = ("dense", "dense_4h_to_h")


def cross_layers(layers: int) -> list[int]:
    """Where Megatron puts cross-attention, counted from 1."""
    return list(range(6 if layers <= 15 else 9, layers + 1, 3))


def tiny_weights(args: Namespace, seed: int = 0) -> dict[str, Tensor]:
    """Random weights of an undivided model under Megatron's names, float32."""
    generator = torch.Generator().manual_seed(seed)
    out: dict[str, Tensor] = {}

    def draw(name: str, *shape: int) -> None:
        out[name] = torch.randn(shape, generator=generator) * 0.3

    d, f, width = args.hidden_size, args.ffn_hidden_size, args.kv_channels * 4
    up = 2 * f if args.swiglu else f

    def linear(name: str, rows: int, columns: int) -> None:
        draw(f"{name}.weight", rows, columns)
        if args.add_bias_linear:
            draw(f"{name}.bias", rows)

    def norm(name: str) -> None:
        draw(f"{name}.weight", d)
        draw(f"{name}.bias", d)

    def layer(name: str, crossing: bool) -> None:
        norm(f"{name}.input_norm")
        linear(f"{name}.self_attention.query_key_value", 3 * width, d)
        linear(f"{name}.self_attention.dense", d, width)
        norm(f"{name}.post_attention_norm")
        if crossing:
            linear(f"{name}.inter_attention.query", width, d)
            linear(f"{name}.inter_attention.key_value", 2 * width, d)
            linear(f"{name}.inter_attention.dense", d, width)
            norm(f"{name}.post_inter_attention_norm")
        linear(f"{name}.mlp.dense_h_to_4h", up, d)
        linear(f"{name}.mlp.dense_4h_to_h", d, f)

    draw("embedding.word_embeddings.weight", args.padded_vocab_size, d)
    if args.add_position_embedding:
        draw("embedding.position_embeddings.weight", args.max_position_embeddings, d)
    crossing = cross_layers(args.num_layers)
    for i in range(args.num_layers):
        layer(f"encoder.layers.{i}", i + 1 in crossing)
    for i in range(args.retro_encoder_layers):
        layer(f"encoder.layers.{crossing[0] - 1}.retriever.layers.{i}", i == 0)
    norm("encoder.final_norm")
    if args.untie_embeddings_and_output_weights:
        draw("output_layer.weight", args.padded_vocab_size, d)
    return out


def share_of(name: str, tensor: Tensor, rank: int, ranks: int, swiglu: bool) -> Tensor:
    """The part of a tensor that one rank holds."""
    *_, part, kind = name.split(".")
    if name in ("embedding.word_embeddings.weight", "output_layer.weight"):
        return tensor.chunk(ranks)[rank]
    if part == "dense_h_to_4h" and swiglu:
        gate, up = tensor.chunk(2)
        return torch.cat([gate.chunk(ranks)[rank], up.chunk(ranks)[rank]])
    if part in COLUMN:
        return tensor.chunk(ranks)[rank]
    if part in ROW and kind == "weight":
        return tensor.chunk(ranks, dim=1)[rank]
    return tensor


def save_rank(
    folder: Path, rank: int, args: Namespace, weights: dict[str, Tensor], **extra: object
) -> Path:
    """One rank's file, nested as `state_dict_for_save_checkpoint` nests it."""
    language: dict[str, Any] = {"embedding": {}, "encoder": {}, "output_layer": {}}
    for name, tensor in weights.items():
        top, inner_name = name.split(".", 1)
        if top == "embedding":
            table, kind = inner_name.split(".")
            language["embedding"][table] = {kind: tensor.clone()}
        else:
            language[top][inner_name] = tensor.clone()
    path = folder / f"mp_rank_{rank:02d}" / "model_optim_rng.pt"
    path.parent.mkdir(parents=True)
    state = {
        "args": args,
        "checkpoint_version": 3.0,
        "iteration": 0,
        "model": {"language_model": language},
        **extra,
    }
    torch.save(state, path)
    return path


def write_checkpoint(
    folder: Path,
    *,
    ranks: int = 2,
    seed: int = 0,
    extra: dict[str, object] | None = None,
    **args: Any,
) -> tuple[Namespace, dict[str, Tensor]]:
    """A released checkpoint in ``folder``; returns its arguments and its undivided weights."""
    options = Namespace(**{**SIZES, "tensor_model_parallel_size": ranks, **args})
    weights = tiny_weights(options, seed)
    for rank in range(ranks):
        rank_weights = {n: share_of(n, t, rank, ranks, options.swiglu) for n, t in weights.items()}
        save_rank(folder / "release", rank, options, rank_weights, **(extra or {}))
    (folder / "latest_checkpointed_iteration.txt").write_text("release", encoding="utf-8")
    return options, weights
