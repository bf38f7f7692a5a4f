"""A start from which copying out of neighbours works at the first step.

Chunked cross-attention helps a language model first of all by what it copies: after a word that
stands in a neighbour, the word that follows there. From a random start that takes two heads which
are of no use alone, and a model finds them only after very many texts. Here the start has them
(compare the mimetic initialisation of Trockman and Kolter 2023), and training is free to change it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from odqa.retro.model.attention import Attention
from odqa.retro.model.cca import ChunkedCrossAttention
from odqa.retro.model.config import RetroConfig
from odqa.retro.model.model import RetroModel
from odqa.retro.model.positions import Bucketed

#: Spread of embeddings, beside which what the first layers add at the start is small.
_EMBEDDING = 0.1
#: Logit of the token before, and of equal words: far above all others of a neighbour together.
_BEFORE, _SHARPNESS = 6.0, 1.2


def can_copy(config: RetroConfig) -> bool:
    """Whether `start_copying` fits: equal widths throughout, bucketed positions in the encoder."""
    widths = {config.decoder.d_model, config.decoder.width}
    widths |= {config.encoder.d_model, config.encoder.width}
    shared = config.share_embeddings and config.tied_readout
    return len(widths) == 1 and shared and config.encoder.position == "bias"


@torch.no_grad()
def start_copying(model: RetroModel, seed: int) -> None:
    """Set the weights of a new model so that cross-attention copies.

    The encoder's first self-attention adds to every token the one before it, turned by a random
    rotation R. Cross-attention compares the decoder's token with what R turned, and so finds where
    it stands in a neighbour one place earlier; its values bring the token that follows.

    Raises:
        ValueError: a configuration that does not fit, see `can_copy`.
    """
    if not can_copy(model.config):
        raise ValueError(
            "needs one width, shared embeddings and an encoder with bucketed positions"
        )
    model.token_table().mul_(_EMBEDDING / model.token_table().std())
    table = model.token_table()
    draw = torch.Generator().manual_seed(seed)
    noise = torch.randn(table.shape[1], table.shape[1], generator=draw)
    rotation = torch.linalg.qr(noise)[0].to(table)
    same = torch.eye(table.shape[1]).to(table)

    first = model.encoder.blocks[0].self_attention
    assert isinstance(first, Attention)
    assert isinstance(first.positions, Bucketed)
    first.positions.table.weight[1] = _BEFORE
    _set(first, value=same, out=_EMBEDDING * rotation)
    for layer in model.config.decoder.cross_layers:
        cross = model.decoder.cca(layer)
        assert isinstance(cross, ChunkedCrossAttention)
        cross.attention.q_proj.weight.copy_(_SHARPNESS * same)
        cross.attention.k_proj.weight.copy_(_SHARPNESS * rotation.T)
        _set(cross.attention, value=same, out=_EMBEDDING * same)


def _set(attention: Attention, *, value: Tensor, out: Tensor) -> None:
    attention.v_proj.weight.copy_(value)
    attention.o_proj.weight.copy_(out)
