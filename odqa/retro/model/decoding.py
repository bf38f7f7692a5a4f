"""A decoder with a key-value cache, which retrieves inside the step that ends a chunk.

The neighbours of a chunk influence what its last token predicts, so they are retrieved and encoded
while that token is fed, between its self-attention and its cross-attention in layer min(P). The
influence of older neighbours stays in the self-attention cache; their keys are dropped.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from odqa.retro.model.attention import KeyValues, Visibility, causal_visibility
from odqa.retro.model.blocks import Block
from odqa.retro.model.cca import ChunkedCrossAttention, neighbour_distance, neighbour_visibility
from odqa.retro.model.kv_cache import KeyValueCache, TimeBuffer
from odqa.retro.model.model import Neighbours, RetroModel, retrievable

Retrieve = Callable[[Tensor, Tensor, int], Neighbours | None]
"""(ids [N, m], mask [N, m], index of the chunk) -> neighbours with l = 1; None: retrieval off."""


class CachedDecoder:
    """Decoding state of a batch; feeding all tokens equals one full forward."""

    def __init__(self, model: RetroModel, retrieve: Retrieve | None = None) -> None:
        self.model = model
        self.retrieve = retrieve
        self.length = 0
        self._self = [KeyValueCache() for _ in range(model.config.decoder.layers)]
        self._ids, self._mask = TimeBuffer(), TimeBuffer()
        self._real: Tensor | int = 0
        self._padded = False
        self._chunk: list[Tensor] = []
        self._neighbour_keys: dict[int, KeyValues] = {}
        self._visible: Visibility | None = None
        self._k = 1

    def feed(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Final states [N, S, d] of the next tokens [N, S]; ``mask`` is true on real ones."""
        real = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
        self._padded = self._padded or not bool(real.all())
        m, states, begin = self.model.config.chunk_length, [], 0
        while begin < ids.shape[1]:
            # Tokens between two chunk ends attend to the same neighbours.
            size = min(m - (self.length + 1) % m, ids.shape[1] - begin)
            part = slice(begin, begin + size)
            states.append(self._segment(ids[:, part], real[:, part]))
            begin += size
        return torch.cat(states, 1) if len(states) > 1 else states[0]

    def reorder(self, rows: Tensor) -> None:
        """Continue with these rows of the batch, in this order (beam search)."""
        for cache in self._self:
            cache.reorder(rows)
        self._ids.reorder(rows)
        self._mask.reorder(rows)
        self._real = self._real if isinstance(self._real, int) else self._real[rows]
        self._chunk = [state[rows] for state in self._chunk]
        self._neighbour_keys = {
            layer: KeyValues(kv.keys[rows], kv.values[rows])
            for layer, kv in self._neighbour_keys.items()
        }
        if self._visible is not None:
            self._visible = Visibility(self._visible.open[rows], self._visible.alive[rows])

    def _segment(self, ids: Tensor, real: Tensor) -> Tensor:
        model, size = self.model, ids.shape[1]
        self._ids.append(ids)
        mask = self._mask.append(real)
        h = model.embed(ids, real, self._real)
        self._real = self._real + real.sum(1, keepdim=True)
        end = self.length + size
        unmasked = size == 1 and not self._padded
        visible = None if unmasked else causal_visibility(mask, size, end, ids.device)
        for layer in range(1, model.config.decoder.layers + 1):
            block = model.decoder.block(layer)
            h, _ = block.attend(h, visible, past=self._self[layer - 1])
            if layer == model.config.first_cross_layer:
                self._collect(h)
            h = block.feed(self._cross(block, layer, h))
        self.length = end
        out: Tensor = model.decoder.norm(h)
        return out

    def _cross(self, block: Block, layer: int, h: Tensor) -> Tensor:
        if self._visible is None or not isinstance(block.cross, ChunkedCrossAttention):
            return h
        m, cross = self.model.config.chunk_length, block.cross
        offset = neighbour_distance(m) + (self.length + 1) % m
        mixed = cross.attention(
            cross.norm(h),
            self._neighbour_keys[layer],
            offset=offset,
            visible=self._visible,
            key_groups=self._k,
        )
        return cross.add(h, mixed)

    def _collect(self, h: Tensor) -> None:
        """Store the chunk's states; at its last token, retrieve and encode."""
        m = self.model.config.chunk_length
        if (self.length + 1) % m:
            self._chunk.append(h)
            return
        # The segment's first token ends the chunk, the others begin the next.
        chunk = torch.cat([*self._chunk, h[:, :1]], 1)
        self._chunk = [h[:, 1:]] if h.shape[1] > 1 else []
        self._look_up(chunk)

    def _look_up(self, chunk: Tensor) -> None:
        model, m = self.model, self.model.config.chunk_length
        self._neighbour_keys, self._visible = {}, None
        if self.retrieve is None:
            return
        window = slice(self.length + 1 - m, self.length + 1)
        ids, mask = self._ids.view()[:, window], self._mask.view()[:, window]
        neighbours = retrievable(self.retrieve(ids, mask, self.length // m), mask, 1, m)
        if neighbours is None:
            return
        self._k = neighbours.mask.shape[2]
        self._visible = neighbour_visibility(neighbours.mask[:, 0])
        if neighbours.keys is not None:
            self._neighbour_keys = dict(neighbours.keys)
            return
        encoded = model.encode_chunks(chunk, mask, neighbours)[:, 0]
        for layer in model.config.decoder.cross_layers:
            cross = model.decoder.cca(layer)
            assert cross is not None
            self._neighbour_keys[layer] = cross.keys_values(encoded.flatten(1, 2), groups=self._k)
