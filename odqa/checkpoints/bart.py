"""A BART (Lewis et al. 2019) grown from the base model: an encoder-decoder without pre-training.

BART's layers are BERT's: post-norm, learnt positions, GELU. The encoder is the base model itself;
the decoder starts from some of its layers, as Rothe et al. 2020 (*Leveraging Pre-trained
Checkpoints for Sequence Generation Tasks*) start decoders from BERT. [CLS] starts a sequence,
[SEP] ends it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.checkpoints.delta import Delta
from odqa.checkpoints.grown import write_grown
from odqa.retro.create.grow import STATE_SPREAD

if TYPE_CHECKING:
    from torch import Tensor

# How much cross-attention counts at first: as in RETRO's decoder, whose gate is tanh(0.5).
_CROSS_SHARE = 0.46
_PAD, _START, _END = 0, 101, 102

# A part of BERT's layer -> the same in BART's.
_PARTS = {
    "attention.self.query": "self_attn.q_proj",
    "attention.self.key": "self_attn.k_proj",
    "attention.self.value": "self_attn.v_proj",
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "self_attn_layer_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
    "output.LayerNorm": "final_layer_norm",
}
_LAYER = re.compile(r"^(?:bert\.)?encoder\.layer\.(\d+)\.(.+)\.(weight|bias|lora_A|lora_B)$")


def bart_name(name: str) -> str:
    """Where a parameter of one of BERT's layers is in the encoder; other names stay as they are."""
    match = _LAYER.match(name)
    if match is None or match[2] not in _PARTS:
        return name
    return f"model.encoder.layers.{match[1]}.{_PARTS[match[2]]}.{match[3]}"


def grow_bart(base: Path, decoder_layers: Sequence[int], attention: str = "sdpa") -> Any:
    """The untrained model, float32; the base and the layers determine every weight.

    Its encoder gives the base model's states (segment 0). Cross-attention starts from the
    self-attention of its own layer.

    Args:
        base: folder of the base model.
        decoder_layers: of the base model, counted from 1, that the decoder's start from.
        attention: transformers' name of the implementation; ``eager`` gives attention weights.
    """
    import torch
    from safetensors.torch import load_file
    from transformers import BartConfig, BartForConditionalGeneration

    shape = json.loads((base / "config.json").read_text(encoding="utf-8"))
    heads, ffw = shape["num_attention_heads"], shape["intermediate_size"]
    config = BartConfig(
        vocab_size=shape["vocab_size"],
        d_model=shape["hidden_size"],
        max_position_embeddings=shape["max_position_embeddings"],
        encoder_layers=shape["num_hidden_layers"],
        encoder_attention_heads=heads,
        encoder_ffn_dim=ffw,
        decoder_layers=len(decoder_layers),
        decoder_attention_heads=heads,
        decoder_ffn_dim=ffw,
        dropout=0.0,
        pad_token_id=_PAD,
        bos_token_id=_START,
        decoder_start_token_id=_START,
        eos_token_id=_END,
        forced_eos_token_id=None,
        attn_implementation=attention,
    )
    model = BartForConditionalGeneration(config)
    weights = load_file(base / "model.safetensors")
    grown = {
        **dict(_embeddings(weights)),
        **{bart_name(name): w for name, w in weights.items() if bart_name(name) != name},
    }
    for place, layer in enumerate(decoder_layers):
        grown.update(_decoder_layer(weights, layer - 1, f"model.decoder.layers.{place}."))
    shared = grown["model.shared.weight"]
    tables = ("lm_head", "model.encoder.embed_tokens", "model.decoder.embed_tokens")
    tied = {f"{name}.weight": shared for name in tables}
    bias = {"final_logits_bias": torch.zeros(1, shape["vocab_size"])}
    model.load_state_dict({**grown, **tied, **bias})
    return model.eval()


def build_bart(base: Path, delta: Delta, folder: Path) -> None:
    """Write the checkpoint folder of a grown and trained BART, in transformers' format.

    Args:
        base: folder of the base model.
        delta: its ``config`` has ``decoder_layers`` (see `grow_bart`) and ``lora`` (r, alpha).
        folder: an existing folder.

    Raises:
        CheckpointError: the change does not fit the grown model.
    """
    write_grown(grow_bart(base, delta.config["decoder_layers"]), base, delta, folder)


def _embeddings(weights: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Of both stacks; BART has no segments, and two places before its first position."""
    import torch

    positions = weights["embeddings.position_embeddings.weight"]
    positions = positions + weights["embeddings.token_type_embeddings.weight"][0]
    positions = torch.cat((torch.zeros_like(positions[:2]), positions))
    yield "model.shared.weight", weights["embeddings.word_embeddings.weight"]
    for stack in ("encoder", "decoder"):
        yield f"model.{stack}.embed_positions.weight", positions
        for part in ("weight", "bias"):
            norm = weights[f"embeddings.LayerNorm.{part}"]
            yield f"model.{stack}.layernorm_embedding.{part}", norm


def _decoder_layer(
    weights: dict[str, Tensor], layer: int, prefix: str
) -> Iterator[tuple[str, Tensor]]:
    """One layer of the decoder from one of the base model, counted from 0."""
    import torch

    for name, part in _PARTS.items():
        for kind in ("weight", "bias"):
            tensor = weights[f"encoder.layer.{layer}.{name}.{kind}"]
            yield f"{prefix}{part}.{kind}", tensor
            if part.startswith("self_attn."):
                share = _CROSS_SHARE if part.endswith("out_proj") else 1.0
                cross = part.replace("self_attn", "encoder_attn")
                yield f"{prefix}{cross}.{kind}", share * tensor
            if part == "self_attn_layer_norm":
                spread = torch.full_like(tensor, STATE_SPREAD if kind == "weight" else 0.0)
                yield f"{prefix}encoder_attn_layer_norm.{kind}", spread
