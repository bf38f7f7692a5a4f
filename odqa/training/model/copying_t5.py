"""A small T5 whose decoder copies from what it reads before any training.

As `odqa.training.model.copying_lm`: the encoder's first layer notes beside every token the one
before it; cross-attention compares the decoder's token with these notes, and brings back what
stands there. So a decoder that has said one word of an answer goes on as a passage does; where to
begin and where to end is left to training.

The width is cut in two: what a token is, and what stood before it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

#: Standard deviation of what a token is.
_EMBEDDING = 1.0
#: Attention logits of the token before, and of a match.
_BEFORE, _MATCH = 12.0, 14.0
#: Lengths of a token's embedding: what is noted, and what is copied.
_NOTED, _COPIED = 1.0, 4.0


@torch.no_grad()
def start_copying(model: Any, seed: int) -> None:
    """Set the weights of a new T5 so that its decoder repeats what followed before.

    Args:
        model: transformers' T5ForConditionalGeneration with tied embeddings; heads of a fourth of
            its width.
        seed: of the random projections.

    Raises:
        ValueError: a shape that does not fit.
    """
    width, size = model.config.d_model, model.config.d_kv
    if width != 4 * size or not model.config.tie_word_embeddings:
        raise ValueError("needs tied embeddings and heads of a fourth of the width")
    what = width // 2
    table = model.shared.weight
    table.normal_(0, _EMBEDDING)
    table[:, what:] = 0
    length = _EMBEDDING * math.sqrt(what)
    generator = torch.Generator().manual_seed(seed)
    project = torch.linalg.qr(torch.randn(what, what, generator=generator))[0][:size]
    kept = size / what
    # A normalised vector has length sqrt(width): in the one part at first, then in both.
    one, two = math.sqrt(width), math.sqrt(width / 2)
    first = model.encoder.block[0].layer[0].SelfAttention
    # Bucket 1 is the place before; the other layers share these positions.
    first.relative_attention_bias.weight[:, 0] = 0
    first.relative_attention_bias.weight[1, 0] = _BEFORE
    note = _NOTED * length / (one * math.sqrt(kept))
    _set(first, queries=None, keys=None, values=(0, project), out=(what, note * torch.eye(size)))
    cross = model.decoder.block[-1].layer[1].EncDecAttention
    # T5 does not divide logits by the width of a head.
    sharp = math.sqrt(_MATCH / (one * math.sqrt(kept) * two))
    _set(
        cross,
        queries=(0, sharp * project),
        keys=(what, sharp * torch.eye(size)),
        values=(0, project),
        out=(0, _COPIED * length / (two * kept) * project.T),
    )


def _set(
    attention: Any,
    *,
    queries: tuple[int, Tensor] | None,
    keys: tuple[int, Tensor] | None,
    values: tuple[int, Tensor],
    out: tuple[int, Tensor],
) -> None:
    """Into the first head: matrices over a part of the width, which begins at the given place."""
    for layer, part in ((attention.q, queries), (attention.k, keys), (attention.v, values)):
        size = attention.key_value_proj_dim
        layer.weight[:size] = 0
        if part is not None:
            at, matrix = part
            layer.weight[:size, at : at + matrix.shape[1]] = matrix
    at, matrix = out
    size = attention.key_value_proj_dim
    attention.o.weight[:, :size] = 0
    attention.o.weight[at : at + matrix.shape[0], :size] = matrix
