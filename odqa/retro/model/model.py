"""The RETRO model: decoder, neighbour encoder, read-out and ranking head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from odqa.retro.model.attention import KeyValues, causal_visibility
from odqa.retro.model.blocks import Block, make_norm
from odqa.retro.model.cca import ChunkedCrossAttention
from odqa.retro.model.config import RetroConfig
from odqa.retro.model.embedding import Embedding
from odqa.retro.model.encoder import NeighbourEncoder
from odqa.retro.model.weights import Pretrained


@dataclass(frozen=True)
class RetroOutput:
    """``hidden`` [B, T, d] after the final norm; ``logits`` [B, T, V], None without read-out."""

    hidden: Tensor
    logits: Tensor | None
    encoded: Tensor | None
    """Neighbour encodings [B, l, k, r, e], None with retrieval off."""


@dataclass(frozen=True)
class Neighbours:
    """What a batch retrieved: ids or encodings, and the mask of real tokens [B, l, k, r]."""

    mask: Tensor
    ids: Tensor | None = None
    encoded: Tensor | None = None
    keys: dict[int, KeyValues] | None = None
    """By cross layer, precomputed [B, H, k * r, c]; only for cached decoding, where l = 1."""


class Decoder(nn.Module):
    """Embedding, blocks and final norm; callers loop over the blocks."""

    def __init__(self, config: RetroConfig) -> None:
        super().__init__()
        stack = config.decoder
        self.embedding = Embedding(stack, config.vocab_size)
        self.blocks = nn.ModuleList(
            Block(
                stack,
                ChunkedCrossAttention(stack, config.encoder.d_model, norm_source=False)
                if layer in stack.cross_layers
                else None,
            )
            for layer in range(1, stack.layers + 1)
        )
        self.norm = make_norm(stack) if stack.final_norm else nn.Identity()

    def block(self, layer: int) -> Block:
        """Block by its 1-based layer number."""
        block = self.blocks[layer - 1]
        assert isinstance(block, Block)
        return block

    def cca(self, layer: int) -> ChunkedCrossAttention | None:
        """The chunked cross-attention of a 1-based layer, None where there is none."""
        cross = self.block(layer).cross
        return cross if isinstance(cross, ChunkedCrossAttention) else None


class RetroModel(Pretrained):
    """RETRO over token ids; see `forward`."""

    def __init__(self, config: RetroConfig) -> None:
        super().__init__(config)
        self.decoder = Decoder(config)
        self.encoder = NeighbourEncoder(config)
        if not config.tied_readout:
            self.readout = nn.Linear(config.decoder.d_model, config.vocab_size, bias=False)
        if config.score_head:
            self.score_head = nn.Linear(config.decoder.d_model, 1)
        self.apply(_initialise)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.token_table().device

    def token_table(self) -> Tensor:
        """The decoder's token embeddings [V, d]."""
        tokens = self.decoder.embedding.tokens
        assert tokens is not None
        return tokens.weight

    def neighbour_table(self) -> Tensor:
        """The encoder's token embeddings [V, e], the decoder's where they are shared."""
        tokens = self.encoder.embedding.tokens
        return self.token_table() if tokens is None else tokens.weight

    def embed(self, ids: Tensor, mask: Tensor | None, first: Tensor | int = 0) -> Tensor:
        """Decoder states before the first block."""
        out: Tensor = self.decoder.embedding(ids, mask, self.token_table(), first)
        return out

    def encode(
        self, ids: Tensor, mask: Tensor, chunk: Tensor | None, chunk_mask: Tensor | None
    ) -> Tensor:
        """Neighbour encodings [G, k, r, e]; see `NeighbourEncoder.forward`."""
        out: Tensor = self.encoder(ids, mask, self.neighbour_table(), chunk, chunk_mask)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        """Next-token logits of final states."""
        if self.config.tied_readout:
            return F.linear(hidden, self.token_table())
        out: Tensor = self.readout(hidden)
        return out

    def score(self, hidden: Tensor) -> Tensor:
        """Relevance of final states [..., d] -> [...]; needs ``score_head``."""
        out: Tensor = self.score_head(hidden)
        return out.squeeze(-1)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        neighbour_ids: Tensor | None = None,
        neighbour_mask: Tensor | None = None,
        *,
        encoded: Tensor | None = None,
        with_logits: bool = True,
    ) -> RetroOutput:
        """Run whole sequences.

        Args:
            input_ids: [B, T] int64.
            attention_mask: [B, T], true on real tokens; None means all are.
            neighbour_ids: [B, l, k, r] int64; chunks from T // m on are ignored. None, or no
                complete chunk, is retrieval off.
            neighbour_mask: [B, l, k, r], true on real tokens; None means all are. A chunk without
                any is exactly as with retrieval off.
            encoded: [B, l, k, r, e], precomputed encodings instead of ids.
            with_logits: read out over the vocabulary.

        Raises:
            ValueError: fewer chunks of neighbours than complete chunks.
        """
        mask = None if attention_mask is None else attention_mask.bool()
        neighbours = as_neighbours(neighbour_ids, neighbour_mask, encoded)
        fill = self.fill(input_ids.shape[1])
        if fill:
            input_ids, mask = left_pad(input_ids, mask, fill, self.config.pad_id)
        hidden, states = self.run(input_ids, mask, neighbours)
        hidden = hidden[:, fill:]
        return RetroOutput(hidden, self.logits(hidden) if with_logits else None, states)

    def fill(self, length: int) -> int:
        """Padding tokens to put first so that, aligned right, the first chunk is the short one."""
        return -length % self.config.chunk_length if self.config.chunk_alignment == "right" else 0

    def run(
        self, ids: Tensor, mask: Tensor | None, neighbours: Neighbours | None
    ) -> tuple[Tensor, Tensor | None]:
        """All blocks over whole sequences: final states, and the neighbours' encodings."""
        m, config = self.config.chunk_length, self.config
        time = ids.shape[1]
        neighbours = retrievable(neighbours, mask, time // m, m)
        unmasked = mask is None and config.decoder.position in ("rope", "absolute", "none")
        visible = None if unmasked else causal_visibility(mask, time, time, ids.device)
        encoded: Tensor | None = None
        h = self.embed(ids, mask)
        for layer in range(1, config.decoder.layers + 1):
            block, cca = self.decoder.block(layer), self.decoder.cca(layer)
            h = block.attend(h, visible, causal=True)[0]
            if neighbours is not None and cca is not None:
                if encoded is None:
                    encoded = self.encode_chunks(h, mask, neighbours)
                h = cca.shifted(h, encoded, neighbours.mask, m)
            h = block.feed(h)
        hidden: Tensor = self.decoder.norm(h)
        return hidden, encoded

    def encode_chunks(self, h: Tensor, mask: Tensor | None, neighbours: Neighbours) -> Tensor:
        """Encode the neighbours of every complete chunk of ``h`` [B, T, d]."""
        if neighbours.encoded is not None:
            return neighbours.encoded
        assert neighbours.ids is not None
        batch, complete, k, r = neighbours.ids.shape
        m = self.config.chunk_length
        chunk = h[:, : complete * m].reshape(batch * complete, m, -1)
        chunk_mask = None if mask is None else mask[:, : complete * m].reshape(-1, m)
        ids, neighbour_mask = neighbours.ids.flatten(0, 1), neighbours.mask.flatten(0, 1)
        flat = self.encode(ids, neighbour_mask, chunk, chunk_mask)
        return flat.reshape(batch, complete, k, r, -1)


def as_neighbours(
    ids: Tensor | None, mask: Tensor | None, encoded: Tensor | None
) -> Neighbours | None:
    """None when nothing was retrieved; a missing mask means every token is real."""
    tensor = ids if ids is not None else encoded
    if tensor is None:
        return None
    if mask is None:
        mask = torch.ones(tensor.shape[:4], dtype=torch.bool, device=tensor.device)
    return Neighbours(mask.bool(), ids, encoded)


def retrievable(
    neighbours: Neighbours | None, mask: Tensor | None, complete: int, m: int
) -> Neighbours | None:
    """Neighbours of complete chunks only; a chunk of padding alone retrieves nothing."""
    if neighbours is None or complete == 0:
        return None
    if neighbours.mask.shape[1] < complete:
        raise ValueError(
            f"{complete} complete chunks of {m} tokens need as many sets of neighbours, "
            f"got {neighbours.mask.shape[1]}"
        )
    token_mask = neighbours.mask[:, :complete]
    if mask is not None:
        real = torch.unflatten(mask[:, : complete * m], 1, (complete, m)).any(-1)
        token_mask = token_mask & real[:, :, None, None]
    ids = None if neighbours.ids is None else neighbours.ids[:, :complete]
    encoded = None if neighbours.encoded is None else neighbours.encoded[:, :complete]
    return Neighbours(token_mask, ids, encoded, neighbours.keys)


def left_pad(ids: Tensor, mask: Tensor | None, fill: int, pad_id: int) -> tuple[Tensor, Tensor]:
    """Put ``fill`` masked tokens before each sequence."""
    real = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
    return F.pad(ids, (fill, 0), value=pad_id), F.pad(real, (fill, 0), value=False)


def _initialise(module: nn.Module) -> None:
    """Normal(0, 0.02) matrices and embeddings, zero biases, as GPT-2 does."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
