"""A tiny RETRO model in float64 and a batch for it: small enough for every test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from odqa.retro.model.config import RetroConfig, StackConfig
from odqa.retro.model.model import RetroModel

VOCABULARY = 50


@dataclass(frozen=True)
class Case:
    """A model and a batch: 35 tokens are four chunks of eight and three more.

    The second sequence begins with three padding tokens; neighbours have holes of padding.
    """

    model: RetroModel
    ids: Tensor
    mask: Tensor
    neighbours: Tensor
    neighbour_mask: Tensor

    @property
    def m(self) -> int:
        """Chunk length."""
        return self.model.config.chunk_length

    def logits(self, **changes: Tensor | None) -> Tensor:
        """Logits [B, T, V] of the batch with some of its tensors changed."""
        inputs: dict[str, Tensor | None] = {
            "input_ids": self.ids,
            "attention_mask": self.mask,
            "neighbour_ids": self.neighbours,
            "neighbour_mask": self.neighbour_mask,
            **changes,
        }
        logits = self.model(**inputs).logits
        assert isinstance(logits, Tensor)
        return logits

    def off(self, **changes: Tensor | None) -> Tensor:
        """Logits with retrieval off."""
        return self.logits(neighbour_ids=None, neighbour_mask=None, **changes)


def tiny_config(
    position: str = "xl", cross: str = "xl", conditioned: bool = True, **decoder: Any
) -> RetroConfig:
    """Six layers, cross-attention in 2, 4 and 6, chunks of 8 and neighbours of 16 tokens."""
    shared: dict[str, Any] = {"position": position, "cross_position": cross, "heads": 2}
    stack = StackConfig(
        **{
            "d_model": 16,
            "head_dim": 6,
            "layers": 6,
            "d_ffw": 32,
            "cross_layers": (2, 4, 6),
            **shared,
            **decoder,
        }
    )
    encoder = StackConfig(
        d_model=12,
        head_dim=4,
        layers=2,
        d_ffw=24,
        cross_layers=(1,) if conditioned else (),
        gated=stack.gated,
        bias=stack.bias,
        **shared,
    )
    return RetroConfig(
        vocab_size=VOCABULARY,
        decoder=stack,
        encoder=encoder,
        chunk_length=8,
        neighbour_length=16,
        score_head=True,
    )


def tiny_case(config: RetroConfig | None = None, seed: int = 0) -> Case:
    """A model with weights large enough for every part to matter, gates half open."""
    draw = torch.Generator().manual_seed(seed)
    model = RetroModel(config or tiny_config()).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.3, generator=draw)
    ids = torch.randint(0, VOCABULARY, (2, 35), generator=draw)
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[1, :3] = False
    neighbours = torch.randint(0, VOCABULARY, (2, 4, 2, 16), generator=draw)
    real = torch.rand(2, 4, 2, 16, generator=draw) > 0.2
    return Case(model, ids, mask, neighbours, real)


def aligned_right(case: Case) -> Case:
    """The same weights with the short chunk first."""
    config = replace(case.model.config, chunk_alignment="right")
    model = RetroModel(config).double().eval()
    model.load_state_dict(case.model.state_dict())
    return replace(case, model=model)
