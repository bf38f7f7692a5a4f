"""Initial weights with which cross-attention copies from neighbours before any training.

Chunked cross-attention helps a language model mainly by copying: after a word that occurs in a
neighbour, it predicts the word that follows there. This takes two heads which are of no use alone,
so from random weights a model learns them only after very many texts. Here the initial weights
contain them (compare the mimetic initialisation of Trockman and Kolter 2023); training may change
them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from odqa.retro.model.attention import Attention
from odqa.retro.model.cca import ChunkedCrossAttention
from odqa.retro.model.config import RetroConfig
from odqa.retro.model.model import RetroModel
from odqa.retro.model.positions import Bucketed

#: Standard deviation of embeddings; what untrained layers add is small beside it.
_EMBEDDING = 0.1
#: Logit of the previous token, and scale of equal tokens' logit: far above all others together.
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

    The encoder's first self-attention adds to every token the one before it, rotated by a random
    rotation R. Cross-attention compares the decoder's token with the rotated part, so it attends to
    the place after its occurrence in a neighbour; the value there is the token that follows.

    Raises:
        ValueError: a configuration that does not fit, see `can_copy`.
    """
    if not can_copy(model.config):
        raise ValueError(
            "needs one width, shared embeddings and an encoder with bucketed positions"
        )
    model.token_table().mul_(_EMBEDDING / model.token_table().std())
    table = model.token_table()
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(table.shape[1], table.shape[1], generator=generator)
    rotation = torch.linalg.qr(noise)[0].to(table)
    eye = torch.eye(table.shape[1]).to(table)

    first = model.encoder.blocks[0].self_attention
    assert isinstance(first, Attention)
    assert isinstance(first.positions, Bucketed)
    first.positions.table.weight[1] = _BEFORE
    _set(first, value=eye, out=_EMBEDDING * rotation)
    for layer in model.config.decoder.cross_layers:
        cross = model.decoder.cca(layer)
        assert isinstance(cross, ChunkedCrossAttention)
        cross.attention.q_proj.weight.copy_(_SHARPNESS * eye)
        cross.attention.k_proj.weight.copy_(_SHARPNESS * rotation.T)
        _set(cross.attention, value=eye, out=_EMBEDDING * eye)


def _set(attention: Attention, *, value: Tensor, out: Tensor) -> None:
    attention.v_proj.weight.copy_(value)
    attention.o_proj.weight.copy_(out)
