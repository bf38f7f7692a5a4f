"""Token by token: a cached decoder whose retrieval happens inside the step that ends a chunk.

The neighbours of a chunk already influence what its last token predicts, so they are retrieved
and encoded while that token is fed, between its self-attention and its cross-attention in layer
min(P). Older neighbours live on in the self-attention cache; their keys are not kept.
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
"""(ids [N, m], mask [N, m], index of the chunk) -> neighbours with l = 1, or None for off."""


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
        self._neighbours: dict[int, KeyValues] = {}
        self._seen: Visibility | None = None
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
        """Go on with these rows of the batch, in this order (beam search)."""
        for cache in self._self:
            cache.reorder(rows)
        self._ids.reorder(rows)
        self._mask.reorder(rows)
        self._real = self._real if isinstance(self._real, int) else self._real[rows]
        self._chunk = [state[rows] for state in self._chunk]
        self._neighbours = {
            layer: KeyValues(kv.keys[rows], kv.values[rows])
            for layer, kv in self._neighbours.items()
        }
        if self._seen is not None:
            self._seen = Visibility(self._seen.open[rows], self._seen.alive[rows])

    def _segment(self, ids: Tensor, real: Tensor) -> Tensor:
        model, size = self.model, ids.shape[1]
        self._ids.append(ids)
        mask = self._mask.append(real)
        h = model.embed(ids, real, self._real)
        self._real = self._real + real.sum(1, keepdim=True)
        end = self.length + size
        bare = size == 1 and not self._padded
        visible = None if bare else causal_visibility(mask, size, end, ids.device)
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
        if self._seen is None or not isinstance(block.cross, ChunkedCrossAttention):
            return h
        m, cross = self.model.config.chunk_length, block.cross
        offset = neighbour_distance(m) + (self.length + 1) % m
        mixed = cross.attention(
            cross.norm(h),
            self._neighbours[layer],
            offset=offset,
            visible=self._seen,
            key_groups=self._k,
        )
        return cross.add(h, mixed)

    def _collect(self, h: Tensor) -> None:
        """Keep the chunk's states; at its last token, retrieve and encode."""
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
        self._neighbours, self._seen = {}, None
        if self.retrieve is None:
            return
        here = slice(self.length + 1 - m, self.length + 1)
        ids, mask = self._ids.view()[:, here], self._mask.view()[:, here]
        found = retrievable(self.retrieve(ids, mask, self.length // m), mask, 1, m)
        if found is None:
            return
        self._k = found.mask.shape[2]
        self._seen = neighbour_visibility(found.mask[:, 0])
        if found.keys is not None:
            self._neighbours = dict(found.keys)
            return
        encoded = model.encode_chunks(chunk, mask, found)[:, 0]
        for layer in model.config.decoder.cross_layers:
            cross = model.decoder.cca(layer)
            assert cross is not None
            self._neighbours[layer] = cross.keys_values(encoded.flatten(1, 2), groups=self._k)
