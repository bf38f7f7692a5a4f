"""A small GPT-2 whose attention copies before any training.

Whoever reads an answer off a passage, or asks a question about it, repeats words that stand there:
after a word that occurred before, the word that followed it. That takes two heads (an induction
head, Olsson et al. 2022) which are of no use alone, so a small model from random weights learns
them only after very many texts. Here the initial weights contain them; training may change them.

The width is cut into three parts: what a token is, where it stands (sines), and what stood before
it, which the first layer's first head writes there. The second layer's first head compares what a
token is with what stood before the others, and brings back what these are.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

#: Standard deviation of what a token is, and factor of other weights.
_EMBEDDING = 0.05
#: Attention logits of the token before (first head) and of a match (second head).
_BEFORE, _MATCH = 16.0, 14.0
#: How strongly what stood before is noted, and what is copied is brought back, in lengths of a
#: token's embedding.
_NOTED, _COPIED = 1.0, 4.0


@torch.no_grad()
def start_copying(model: Any, seed: int) -> None:
    """Set the weights of a new GPT-2 so that it repeats what followed before.

    Args:
        model: transformers' GPT2LMHeadModel of two layers or more with tied embeddings; heads of
            a third of its width.
        seed: of the random projections.

    Raises:
        ValueError: a shape that does not fit.
    """
    width, heads, layers = model.config.n_embd, model.config.n_head, model.config.n_layer
    if heads != 3 or layers < 2 or width % 6:
        raise ValueError("needs three heads, two layers or more and a width that 6 divides")
    part = width // 3
    what, where, before = width - part - part // 2, part // 2, part
    blocks, table = model.transformer.h, model.transformer.wte.weight
    table.normal_(0, _EMBEDDING)
    table[:, what:] = 0
    length = _EMBEDDING * math.sqrt(what)
    places, step = _places(model.config.n_positions, where)
    model.transformer.wpe.weight.zero_()
    model.transformer.wpe.weight[:, what : what + where] = places * length
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(what, what, generator=generator)
    project = torch.linalg.qr(noise)[0][:before]
    # A normalised vector of two equally long parts has length sqrt(width) in both together, one
    # of three parts in all three.
    two, three = math.sqrt(width / 2), math.sqrt(width / 3)
    sharp = math.sqrt(_BEFORE * math.sqrt(part)) / two
    queries, keys, values = (torch.zeros(width, part) for _ in range(3))
    queries[what : what + where, :where] = sharp * step
    keys[what : what + where, :where] = sharp * torch.eye(where)
    values[:what] = project.T
    out = torch.zeros(part, width)
    out[:, what + where :] = _NOTED * length / (two * math.sqrt(before / what)) * torch.eye(before)
    _set(blocks[0].attn, queries, keys, values, out)
    kept = before / what
    sharp = math.sqrt(_MATCH * math.sqrt(part) / math.sqrt(kept)) / three
    queries, keys, values = (torch.zeros(width, part) for _ in range(3))
    queries[:what] = sharp * project.T
    keys[what + where :] = sharp * torch.eye(before)
    values[:what] = project.T
    out = torch.zeros(part, width)
    out[:, :what] = _COPIED * length / (three * kept) * project
    _set(blocks[1].attn, queries, keys, values, out)


def _places(count: int, width: int) -> tuple[Tensor, Tensor]:
    """Unit vectors [count, width] of positions, and the map [width, width] of each to the one
    before (row vectors)."""
    frequencies = torch.linspace(0.05, 3.0, width // 2)
    angles = torch.arange(count)[:, None] * frequencies
    places = torch.cat((angles.cos(), angles.sin()), 1) / math.sqrt(width // 2)
    cosines, sines = torch.diag(frequencies.cos()), torch.diag(frequencies.sin())
    step = torch.cat((torch.cat((cosines, -sines), 1), torch.cat((sines, cosines), 1)), 0)
    return places, step


def _set(attention: Any, queries: Tensor, keys: Tensor, values: Tensor, out: Tensor) -> None:
    """Into the first head; its biases stay zero."""
    inner, width = out.shape[0], out.shape[1]
    joint, output = attention.c_attn.weight, attention.c_proj.weight
    for at, matrix in enumerate((queries, keys, values)):
        joint[:, at * width : at * width + inner] = matrix
    output[:inner] = out
