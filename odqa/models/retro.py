"""RETRO models grown from the base model: the same growth for training and for materialising."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from odqa.errors import CheckpointError

if TYPE_CHECKING:
    from odqa.models.delta import Delta
    from odqa.retro.blocks import Block, CrossAttention
    from odqa.retro.model import RetroModel

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)
# Spread of a token's state in the base model's layers; the new norms start from it, so that the
# projections taken from self-attention meet inputs of the size they were trained on.
_STATE_SPREAD = 0.58
# Cross-attention that starts as the identity multiplies the products of states by this: an equal
# word then gets a few times the weight of another one, neither all of it nor as good as none.
_SHARPNESS = 6.0

CrossStart = Literal["self-attention", "identity"]


@dataclass(frozen=True, slots=True)
class RetroShape:
    """What is grown: layers counted from 1, as in the paper.

    ``gates`` are the openings (before tanh) that decoder and encoder cross-attention start with,
    ``cross_start`` the projections that it starts with (see `grow_retro`).
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
    """The untrained model: every weight follows from ``base`` and ``shape``.

    Cross-attention starts from the self-attention of its own layer (as Rothe et al. 2020 start
    decoders from BERT), or as the ``identity``: a question's word attends to the passage's words
    with the most similar states and receives these states. The former's projections expect keys
    from the same layer, but what a decoder sees are final encodings; states themselves can be
    compared, for both stacks grew from one model and add to one residual stream. The scoring head
    starts from zero. Cross-attention has no positions: where a word stands in a passage, seen from
    the question, says nothing about relevance.
    """
    import torch

    from odqa.retro.blocks import Block
    from odqa.retro.retrofit import retrofit

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
            norm.weight.fill_(_STATE_SPREAD)
    weight = cross.gate.weight
    assert isinstance(weight, torch.Tensor)
    weight.fill_(gate)


def build_retro(base: Path, delta: Delta, work: Path) -> None:
    """Write the checkpoint folder of a RETRO: model, tokenizer and, of rankers, ``ranking.json``.

    Args:
        base: folder of the base model.
        delta: its ``config`` has ``shape`` (`RetroShape`), ``lora`` (r, alpha) and, where it
            ranks, ``ranking`` (`RankingSettings`).
        work: an empty folder.

    Raises:
        CheckpointError: the change does not fit the model it is to be made from.
    """
    from odqa.models.checkpoint import merge
    from odqa.retro.ranking_settings import RankingSettings

    model = grow_retro(base, RetroShape.from_dict(delta.config["shape"]))
    scale = float(delta.config["lora"]["alpha"]) / int(delta.config["lora"]["r"])
    try:
        model.load_state_dict(merge(model.state_dict(), delta.tensors, scale))
    except RuntimeError as error:
        raise CheckpointError(
            f"the change does not fit the grown model ({error})",
            cure="train it again, or reinstall odqa",
        ) from error
    model.save_pretrained(work)
    if "ranking" in delta.config:
        RankingSettings.from_dict(delta.config["ranking"], "ranking").save(work)
    for file in _TOKENIZER_FILES:
        if (base / file).is_file():
            shutil.copyfile(base / file, work / file)
