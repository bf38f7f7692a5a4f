"""From which of Megatron's tensors, and which part of it, each tensor of a RETRO model is made.

Column-parallel weights are divided along dimension 0 and row-parallel ones along dimension 1; norms
and the biases of row-parallel layers are held by every rank. Heads are never divided, so a fused
projection [heads * n * c, d], ordered by head, can be split rank by rank.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from odqa.retro.create.megatron.shards import Recipe, everything
from odqa.retro.model.config import RetroConfig, StackConfig


def recipes(config: RetroConfig) -> dict[str, Recipe]:
    """A recipe for every tensor of `RetroModel` but its gates."""
    first = f"encoder.layers.{config.first_cross_layer - 1}"
    table = {
        "decoder.embedding.tokens.weight": Recipe("embedding.word_embeddings.weight", 0),
        **norm_recipes(config.decoder, "decoder.norm", "encoder.final_norm"),
        **stack_recipes(config.decoder, "decoder.blocks", "encoder.layers"),
        **stack_recipes(config.encoder, "encoder.blocks", f"{first}.retriever.layers"),
    }
    if not config.tied_readout:
        table["readout.weight"] = Recipe("output_layer.weight", 0)
    if config.decoder.position == "absolute":
        for stack in ("decoder", "encoder"):
            table[f"{stack}.embedding.places.weight"] = Recipe(
                "embedding.position_embeddings.weight"
            )
    for layer in config.encoder.cross_layers:
        # The retriever attends to the decoder's states after the cross-attention's norm.
        ours = f"encoder.blocks.{layer - 1}.cross.source_norm"
        table |= norm_recipes(config.decoder, ours, f"{first}.post_attention_norm")
    return table


def stack_recipes(stack: StackConfig, ours: str, theirs: str) -> dict[str, Recipe]:
    """All blocks of a stack."""
    table: dict[str, Recipe] = {}
    for i in range(stack.layers):
        block, layer = f"{ours}.{i}", f"{theirs}.{i}"
        has_cross = i + 1 in stack.cross_layers
        table |= norm_recipes(stack, f"{block}.self_norm", f"{layer}.input_norm")
        attention, fused = f"{block}.self_attention", f"{layer}.self_attention.query_key_value"
        for place, name in enumerate(("q_proj", "k_proj", "v_proj")):
            part = of_each_head(stack, 3, place)
            table |= column_recipes(stack, f"{attention}.{name}", fused, part)
        table |= row_recipes(stack, f"{attention}.o_proj", f"{layer}.self_attention.dense")
        if has_cross:
            table |= norm_recipes(stack, f"{block}.cross.norm", f"{layer}.post_attention_norm")
            table |= cross_recipes(stack, f"{block}.cross.attention", f"{layer}.inter_attention")
        norm = "post_inter_attention_norm" if has_cross else "post_attention_norm"
        table |= norm_recipes(stack, f"{block}.ffw_norm", f"{layer}.{norm}")
        table |= feed_forward_recipes(stack, f"{block}.ffw", f"{layer}.mlp")
    return table


def cross_recipes(stack: StackConfig, ours: str, theirs: str) -> dict[str, Recipe]:
    """Cross-attention: queries by themselves, keys and values fused."""
    table = column_recipes(stack, f"{ours}.q_proj", f"{theirs}.query")
    for place, name in enumerate(("k_proj", "v_proj")):
        part = of_each_head(stack, 2, place)
        table |= column_recipes(stack, f"{ours}.{name}", f"{theirs}.key_value", part)
    return table | row_recipes(stack, f"{ours}.o_proj", f"{theirs}.dense")


def feed_forward_recipes(stack: StackConfig, ours: str, theirs: str) -> dict[str, Recipe]:
    """Two matrices; gated ones stack gate above up within each rank."""
    up, down = f"{theirs}.dense_h_to_4h", f"{theirs}.dense_4h_to_h"
    table = row_recipes(stack, f"{ours}.down_proj", down)
    if stack.ffw != "swiglu":
        return table | column_recipes(stack, f"{ours}.up_proj", up)
    for place, name in enumerate(("gate_proj", "up_proj")):
        table |= column_recipes(stack, f"{ours}.{name}", up, half(place))
    return table


def norm_recipes(stack: StackConfig, ours: str, theirs: str) -> dict[str, Recipe]:
    """A norm, the same on every rank."""
    kinds = ("weight",) if stack.norm == "rms" else ("weight", "bias")
    return {f"{ours}.{kind}": Recipe(f"{theirs}.{kind}") for kind in kinds}


def column_recipes(
    stack: StackConfig, ours: str, theirs: str, part: Callable[[Tensor], Tensor] = everything
) -> dict[str, Recipe]:
    """A linear layer whose outputs the ranks divide."""
    kinds = ("weight", "bias") if stack.bias else ("weight",)
    return {f"{ours}.{kind}": Recipe(f"{theirs}.{kind}", 0, part) for kind in kinds}


def row_recipes(stack: StackConfig, ours: str, theirs: str) -> dict[str, Recipe]:
    """A linear layer whose inputs the ranks divide; its bias is added after their sum."""
    table = {f"{ours}.weight": Recipe(f"{theirs}.weight", 1)}
    if stack.bias:
        table[f"{ours}.bias"] = Recipe(f"{theirs}.bias")
    return table


def of_each_head(stack: StackConfig, fused: int, place: int) -> Callable[[Tensor], Tensor]:
    """From [heads * fused * c, ...] the rows at ``place`` of each head, [heads * c, ...]."""

    def take(share: Tensor) -> Tensor:
        by_head = torch.unflatten(share, 0, (-1, fused, stack.head_dim))
        return by_head[:, place].flatten(0, 1)

    return take


def half(place: int) -> Callable[[Tensor], Tensor]:
    """The upper or the lower half of the rows."""

    def take(share: Tensor) -> Tensor:
        return share.chunk(2)[place]

    return take
