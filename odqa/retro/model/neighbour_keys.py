"""Encoded neighbours projected to the keys and values of every cross-attention layer."""

from __future__ import annotations

from torch import Tensor

from odqa.retro.model.attention import KeyValues
from odqa.retro.model.cca import ChunkedCrossAttention
from odqa.retro.model.model import RetroModel

NeighbourKeys = dict[int, KeyValues]
"""Projected neighbours by decoder layer; each pair [N, H, r, c]."""


def project_neighbours(model: RetroModel, encoded: Tensor) -> NeighbourKeys:
    """Keys and values of encodings [..., r, e] for every cross layer, leading axes flattened."""
    flat = encoded.reshape(-1, *encoded.shape[-2:])
    return {layer: cca(model, layer).keys_values(flat) for layer in cross_layers(model)}


def cross_layers(model: RetroModel) -> tuple[int, ...]:
    """The paper's P."""
    return model.config.decoder.cross_layers


def cca(model: RetroModel, layer: int) -> ChunkedCrossAttention:
    """The chunked cross-attention of a layer in P."""
    cross = model.decoder.cca(layer)
    assert cross is not None
    return cross
