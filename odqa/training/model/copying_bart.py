"""Copying before training in a BART that has grown from the base model.

As in RETRO's reader (`odqa.training.model.copy_attention`): the last cross-attention of the decoder
is set in closed form, so that a decoder that has said one word of an answer goes on as a passage
does. Where to begin and where to end is left to training.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from odqa.training.model.copy_attention import copying_maps


@torch.no_grad()
def start_copying(
    model: Any, ids: Tensor, mask: Tensor, *, strength: float, sharpness: float, readout: float
) -> None:
    """Set the last cross-attention of the decoder, in place.

    Args:
        model: transformers' BartForConditionalGeneration with tied embeddings.
        ids, mask: texts [n, tokens] to fit on, with one marker token at either end.
        strength: length of what is brought back, in lengths of an embedding.
        sharpness: scale of the attention logits.
        readout: factor on the norm that ends the decoder, which sets the scale of the logits.
    """
    encodings = model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    last = model.get_decoder().layers[-1]
    states: list[Tensor] = []
    hook = last.self_attn_layer_norm.register_forward_hook(lambda *call: states.append(call[2]))
    try:
        model.get_decoder()(
            input_ids=ids,
            attention_mask=mask,
            encoder_hidden_states=encodings,
            encoder_attention_mask=mask,
            use_cache=False,
        )
    finally:
        hook.remove()
    maps = copying_maps(
        model.get_input_embeddings().weight,
        encodings,
        states[0],
        ids,
        mask.bool(),
        strength=strength,
        sharpness=sharpness,
    )
    cross = last.encoder_attn
    layers = {"k": cross.k_proj, "q": cross.q_proj, "v": cross.v_proj, "o": cross.out_proj}
    for name, affine in maps._asdict().items():
        affine.copy_to(layers[name])
    last.final_layer_norm.weight.mul_(readout)
    last.final_layer_norm.bias.mul_(readout)
