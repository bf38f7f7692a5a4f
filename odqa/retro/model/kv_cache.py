"""Keys and values of the tokens decoded so far, in buffers that grow by doubling."""

from __future__ import annotations

import torch
from torch import Tensor

from odqa.retro.model.attention import KeyValues


class TimeBuffer:
    """Appends along the second axis of [N, T]; capacity doubles, so old values rarely move."""

    def __init__(self, capacity: int = 64) -> None:
        self.length = 0
        self._capacity = capacity
        self._buffer: Tensor | None = None

    def append(self, new: Tensor) -> Tensor:
        """Append ``new`` [N, T]; returns a view of everything so far."""
        end = self.length + new.shape[1]
        if self._buffer is None or end > self._capacity:
            while self._capacity < end:
                self._capacity *= 2
            buffer = new.new_empty(new.shape[0], self._capacity)
            if self._buffer is not None:
                buffer[:, : self.length] = self._buffer[:, : self.length]
            self._buffer = buffer
        self._buffer[:, self.length : end] = new
        self.length = end
        return self.view()

    def view(self) -> Tensor:
        """Everything so far, [N, length]."""
        assert self._buffer is not None
        return self._buffer[:, : self.length]

    def reorder(self, rows: Tensor) -> None:
        """Keep these rows of the batch, in this order (beam search)."""
        if self._buffer is not None:
            self._buffer = self._buffer[rows]


class KeyValueCache:
    """Appends keys and values along time; capacity doubles, so old values rarely move."""

    def __init__(self, capacity: int = 64) -> None:
        self.length = 0
        self._capacity = capacity
        self._buffers: KeyValues | None = None

    def append(self, new: KeyValues) -> KeyValues:
        """Append ``new`` [N, H, T, c]; returns views of everything so far."""
        end = self.length + new.keys.shape[-2]
        if self._buffers is None or end > self._capacity:
            self._grow(new, end)
        assert self._buffers is not None
        for buffer, part in zip(self._buffers, new, strict=True):
            buffer[..., self.length : end, :] = part
        self.length = end
        return self.view()

    def view(self) -> KeyValues:
        """Everything so far, [N, H, length, c] each."""
        assert self._buffers is not None
        return KeyValues(*(buffer[..., : self.length, :] for buffer in self._buffers))

    def reorder(self, rows: Tensor) -> None:
        """Keep these rows of the batch, in this order (beam search)."""
        if self._buffers is not None:
            self._buffers = KeyValues(*(buffer[rows] for buffer in self._buffers))

    def _grow(self, new: KeyValues, end: int) -> None:
        while self._capacity < end:
            self._capacity *= 2
        buffers = []
        for position, part in enumerate(new):
            shape = (*part.shape[:2], self._capacity, part.shape[-1])
            buffer = torch.empty(shape, dtype=part.dtype, device=part.device)
            if self._buffers is not None:
                old = self._buffers[position][..., : self.length, :]
                buffer[..., : self.length, :] = old
            buffers.append(buffer)
        self._buffers = KeyValues(*buffers)
