"""Copying before training in a causal model that has grown from the base model.

As `odqa.training.model.copying_bart`, in the self-attention of the last layer: a model that has
said one word of an answer looks for the place of its prompt that follows this word.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from odqa.training.model.copy_attention import copying_maps


@torch.no_grad()
def start_copying(
    model: Any, ids: Tensor, mask: Tensor, *, strength: float, sharpness: float
) -> None:
    """Set the self-attention of the last layer, in place.

    Args:
        model: transformers' BertLMHeadModel with tied embeddings.
        ids, mask: texts [n, tokens] to fit on, with one marker token at either end.
        strength: length of what is brought back, in lengths of an embedding.
        sharpness: scale of the attention logits.
    """
    states = model.bert(
        input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False
    ).hidden_states[-2]
    maps = copying_maps(
        model.get_input_embeddings().weight,
        states,
        states,
        ids,
        mask.bool(),
        strength=strength,
        sharpness=sharpness,
    )
    attention = model.bert.encoder.layer[-1].attention
    layers = {
        "k": attention.self.key,
        "q": attention.self.query,
        "v": attention.self.value,
        "o": attention.output.dense,
    }
    for name, affine in maps._asdict().items():
        affine.copy_to(layers[name])
