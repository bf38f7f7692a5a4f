"""Copying before training: a decoder's last cross-attention in closed form.

The read-out compares final states with token embeddings, so a decoder copies a token when its last
cross-attention looks at the token's place and brings back its embedding. Encodings determine the
tokens they stand for almost linearly; four least-squares maps say how:

values   encoding -> embedding of its own token, which the output passes on;
keys     encoding -> embedding of the token before it;
queries  decoder state -> embedding of the token just read.

A query thus meets the places that follow the token just read, and brings back what stands there.
Training starts from these matrices and changes them whole.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from odqa.retro.model.attention import causal_visibility
from odqa.retro.model.model import RetroModel
from odqa.retro.offline.encodings import encode_neighbours


class Affine(NamedTuple):
    """``x @ weight.T + bias``."""

    weight: Tensor
    bias: Tensor

    def copy_to(self, layer: Any) -> None:
        """Set the weights of a linear layer of the same shape."""
        layer.weight.copy_(self.weight)
        layer.bias.copy_(self.bias)


class CopyingMaps(NamedTuple):
    """Projections of a cross-attention that copies: keys, queries, values, output."""

    k: Affine
    q: Affine
    v: Affine
    o: Affine


def least_squares(x: Tensor, y: Tensor, ridge: float = 1.0) -> Affine:
    """The affine map from rows ``x`` [n, d] to rows ``y`` [n, e] with the least squared error.

    ``ridge`` is the penalty on squared weights, not on the bias.
    """
    mean, target = x.mean(0), y.mean(0)
    centred = x - mean
    gram = centred.T @ centred + ridge * torch.eye(x.shape[1], dtype=x.dtype)
    weight = torch.linalg.solve(gram, centred.T @ (y - target)).T.contiguous()
    return Affine(weight, target - weight @ mean)


def rotate(affine: Affine, rotation: Tensor) -> Affine:
    """The map followed by a rotation."""
    return Affine(rotation @ affine.weight, rotation @ affine.bias)


def balance(first: Affine, second: Affine, factor: float) -> tuple[Affine, Affine]:
    """Two maps that are multiplied, scaled by ``factor`` in all so that both are equally large.

    Adam's steps do not know how large a matrix is; a small one would be lost to them.
    """
    scale = (factor * second.weight.norm() / first.weight.norm()) ** 0.5
    inverse = factor / scale
    return (
        Affine(scale * first.weight, scale * first.bias),
        Affine(inverse * second.weight, inverse * second.bias),
    )


def copying_maps(
    table: Tensor,
    encodings: Tensor,
    states: Tensor,
    ids: Tensor,
    mask: Tensor,
    *,
    strength: float,
    sharpness: float,
) -> CopyingMaps:
    """The four maps, fitted on passages that a decoder reads while it says the same.

    Args:
        table: token embeddings [v, d], which the read-out compares final states with.
        encodings: of the passages [n, r, d].
        states: the decoder's [n, r, d], where the cross-attention reads them.
        ids, mask: the passages [n, r], with one marker token at either end.
        strength: length of what is brought back, in lengths of an embedding.
        sharpness: scale of the attention logits.
    """
    table = table - table.mean(0)
    inner = mask.clone()
    inner[:, 0] = False
    inner[torch.arange(len(ids)), mask.sum(1) - 1] = False
    previous = ids.roll(1, 1)
    # The passage's end is copied too: it ends an answer.
    ends = mask & ~inner
    ends[:, 0] = False
    copied = torch.cat((encodings[inner], encodings[ends]))
    values = least_squares(copied, torch.cat((table[ids[inner]], table[ids[ends]])))
    keys = least_squares(encodings[inner], table[previous[inner]])
    queries = least_squares(states[inner], table[ids[inner]])
    width = table.shape[1]
    # Each head compares a share of the embedding; rotated, all heads get as much of it.
    rotation = nn.init.orthogonal_(torch.empty(width, width))
    identity = Affine(torch.eye(width), torch.zeros(width))
    keys, queries = balance(rotate(keys, rotation), rotate(queries, rotation), sharpness)
    values, output = balance(values, identity, strength)
    return CopyingMaps(keys, queries, values, output)


@torch.no_grad()
def initialise_copy_attention(
    model: RetroModel,
    ids: Tensor,
    mask: Tensor,
    chunk: tuple[Tensor, Tensor] | None,
    *,
    strength: float,
    sharpness: float,
    readout: float,
) -> None:
    """Set the cross-attention of the decoder's last layer, which must have one, in place.

    Args:
        model: decoder and encoder of one width, heads times head size included, with a tied
            read-out and a norm that ends the last block.
        ids, mask: passages [n, r] to fit on, with one marker token at either end.
        chunk: what a conditioned encoder sees, from `odqa.retro.offline.encodings.prompt_chunk`.
        strength: length of what is brought back, in lengths of an embedding.
        sharpness: scale of the attention logits.
        readout: factor on the norm that ends the decoder, which sets the scale of the logits.
    """
    last = model.config.decoder.layers
    cross = model.decoder.cca(last)
    assert cross is not None
    states = cross.norm(_states(model, ids, mask))
    encodings = encode_neighbours(model, ids, mask, chunk)
    maps = copying_maps(
        model.token_table(), encodings, states, ids, mask, strength=strength, sharpness=sharpness
    )
    for name, affine in maps._asdict().items():
        affine.copy_to(getattr(cross.attention, f"{name}_proj"))
    norm = model.decoder.block(last).ffw_norm
    assert isinstance(norm, nn.LayerNorm)
    norm.weight.mul_(readout)
    norm.bias.mul_(readout)


def _states(model: RetroModel, ids: Tensor, mask: Tensor) -> Tensor:
    """Decoder states [n, r, d] of plain text where the last cross-attention reads them."""
    time, last = ids.shape[1], model.config.decoder.layers
    visible = causal_visibility(mask, time, time, ids.device)
    h = model.embed(ids, mask)
    for layer in range(1, last):
        h, _ = model.decoder.block(layer).attend(h, visible)
        h = model.decoder.block(layer).feed(h)
    h, _ = model.decoder.block(last).attend(h, visible)
    return h
