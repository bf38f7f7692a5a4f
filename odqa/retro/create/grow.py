"""RETRO models grown from the base model, for training and for materialising alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from odqa.retro.model.blocks import Block, CrossAttention
    from odqa.retro.model.model import RetroModel

# Standard deviation of token states in the base model's layers. The new norms start from it, so
# that projections taken from self-attention get inputs of the size they were trained on.
STATE_SPREAD = 0.58
# Cross-attention that starts as the identity multiplies the products of states by this: an equal
# word then gets a few times the weight of another one, neither all of it nor almost none.
_SHARPNESS = 6.0

CrossStart = Literal["self-attention", "identity"]


@dataclass(frozen=True, slots=True)
class RetroShape:
    """What to grow; layers are counted from 1, as in the paper.

    ``gates`` are the initial gates (before tanh) of decoder and encoder cross-attention,
    ``cross_start`` its initial projections (see `grow_retro`).
    """

    cross_layers: tuple[int, ...] = (2, 4, 6)
    conditioned_layers: tuple[int, ...] = ()
    chunk_length: int = 32
    neighbour_length: int = 160
    gates: tuple[float, float] = (0.5, 0.3)
    score_head: bool = True
    cross_start: CrossStart = "self-attention"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RetroShape:
        """Inverse of `to_dict`."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**plain)


def grow_retro(base: Path, shape: RetroShape) -> RetroModel:
    """The untrained model; ``base`` and ``shape`` determine every weight.

    Cross-attention starts from the self-attention of its own layer (as Rothe et al. 2020 start
    decoders from BERT), or as the ``identity``: a question's word attends to the passage's words
    with the most similar states and receives these states. The projections of self-attention expect
    keys from the same layer, but a decoder attends to final encodings; states themselves can be
    compared, because both stacks grew from one model. The scoring head starts from zero.
    Cross-attention has no positions: where a word occurs in a passage is no sign of relevance.
    """
    import torch

    from odqa.retro.create.retrofit import retrofit
    from odqa.retro.model.blocks import Block

    model = retrofit(
        base,
        base,
        cross_layers=shape.cross_layers,
        conditioned_layers=shape.conditioned_layers,
        cross_position="none",
        chunk_length=shape.chunk_length,
        neighbour_length=shape.neighbour_length,
        score_head=shape.score_head,
    )
    with torch.no_grad():
        stacks = (model.decoder.blocks, model.encoder.blocks)
        for blocks, gate in zip(stacks, shape.gates, strict=True):
            for block in blocks:
                if isinstance(block, Block) and block.cross is not None:
                    _warm_start(block, block.cross, gate, shape.cross_start)
        if shape.score_head:
            torch.nn.init.zeros_(model.score_head.weight)
    return model


def _warm_start(block: Block, cross: CrossAttention, gate: float, start: CrossStart) -> None:
    import torch

    for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
        projection = getattr(cross.attention, name)
        if start == "self-attention":
            projection.load_state_dict(getattr(block.self_attention, name).state_dict())
        else:
            torch.nn.init.eye_(projection.weight)
            torch.nn.init.zeros_(projection.bias)
            if name in ("q_proj", "k_proj"):
                projection.weight.mul_(_SHARPNESS**0.5)
    for norm in (cross.norm, cross.source_norm):
        if isinstance(norm, torch.nn.LayerNorm):
            norm.weight.fill_(STATE_SPREAD)
    weight = cross.gate.weight
    assert isinstance(weight, torch.Tensor)
    weight.fill_(gate)
