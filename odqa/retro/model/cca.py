"""Chunked cross-attention and its causal shift (RETRO, §2.4 and appendix B.1).

Position t attends to the neighbours of chunk ``(t + 1) // m - 1`` with offset ``(t + 1) % m``: the
last token of a chunk is included, because its output predicts the first token of the next one.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from odqa.retro.model.attention import Visibility, visibility
from odqa.retro.model.blocks import CrossAttention


def attending_chunks(x: Tensor, m: int) -> Tensor:
    """The tokens that attend to each complete chunk's neighbours: [B, T, d] -> [B * l, m, d].

    l = T // m. Attending chunk u holds positions (u+1)m-1 .. (u+2)m-2; the last one is filled.
    """
    batch, time, width = x.shape
    complete = time // m
    attending = x[:, m - 1 :]
    filled = F.pad(attending, (0, 0, 0, complete * m - attending.shape[1]))
    return filled.reshape(batch * complete, m, width)


def back_in_place(out: Tensor, batch: int, time: int, m: int) -> Tensor:
    """Inverse of `attending_chunks`; the first m-1 positions, which see nothing, get zeros."""
    flat = out.reshape(batch, -1, out.shape[-1])[:, : time - (m - 1)]
    return F.pad(flat, (0, 0, m - 1, 0))


def neighbour_distance(m: int) -> int:
    """Offset of distances: query i and neighbour token i' are ``i - i' + m - 1`` apart."""
    return m - 1


def neighbour_visibility(mask: Tensor) -> Visibility:
    """From the neighbours' token mask [G, k, r]: one softmax over all tokens of all neighbours."""
    return visibility(mask.flatten(1)[:, None, None, :])


class ChunkedCrossAttention(CrossAttention):
    """Cross-attention of a decoder block to encoded neighbours."""

    def shifted(self, h: Tensor, encoded: Tensor, mask: Tensor, m: int) -> Tensor:
        """Add cross-attention to the states of whole sequences.

        Args:
            h: decoder states [B, T, d].
            encoded: neighbour encodings [B, l, k, r, e], l = T // m.
            mask: true on real neighbour tokens [B, l, k, r].
            m: chunk length.
        """
        batch, time, _ = h.shape
        if encoded.shape[1] == 0:
            return h
        k, r = encoded.shape[2:4]
        kv = self.keys_values(encoded.reshape(-1, k * r, encoded.shape[-1]), groups=k)
        x = attending_chunks(self.norm(h), m)
        visible = neighbour_visibility(mask.reshape(-1, k, r))
        mixed = self.attention(x, kv, offset=neighbour_distance(m), visible=visible, key_groups=k)
        return self.add(h, back_in_place(mixed, batch, time, m))
