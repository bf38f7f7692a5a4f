"""RETROfit: grow a RETRO model around a pre-trained one (RETRO, §4.2).

The base keeps every weight; new layers have gates that start at zero, so that the grown model
computes exactly what the base does until the new weights are trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from odqa.errors import CheckpointError
from odqa.retro.create.bases.base import Base, SourceCheckpoint
from odqa.retro.create.bases.bert import read_bert
from odqa.retro.create.bases.gpt2 import read_gpt2
from odqa.retro.create.bases.llama import read_llama
from odqa.retro.model.config import CrossPosition, RetroConfig, StackConfig
from odqa.retro.model.model import RetroModel
from odqa.threads import BUILDING_MODELS

READERS: dict[str, Callable[[SourceCheckpoint], Base]] = {
    "bert": read_bert,
    "roberta": read_bert,
    "gpt2": read_gpt2,
    "llama": read_llama,
    "mistral": read_llama,
    "qwen2": read_llama,
}
BIDIRECTIONAL = ("bert", "roberta")


def read_base(folder: Path | str) -> Base:
    """Read a pre-trained Hugging Face model folder as a stack.

    Raises:
        CheckpointError: no such folder, another family, or a feature that cannot be expressed.
    """
    checkpoint = SourceCheckpoint(Path(folder))
    family = checkpoint.setting("model_type")
    if family not in READERS:
        families = ", ".join(READERS)
        raise CheckpointError(
            f"cannot grow RETRO from model_type {family!r}",
            where=str(folder),
            cure=f"use {families}",
        )
    return READERS[family](checkpoint)


def retrofit(
    decoder: Path | str,
    encoder: Path | str | StackConfig,
    *,
    cross_layers: Sequence[int],
    conditioned_layers: Sequence[int] = (),
    cross_position: CrossPosition = "bias",
    chunk_length: int = 64,
    neighbour_length: int = 128,
    score_head: bool = True,
    share_embeddings: bool = False,
    freeze: bool = True,
    seed: int = 0,
) -> RetroModel:
    """Grow a RETRO model.

    Args:
        decoder: model folder the decoder is taken from (GPT-2, LLaMA or BERT family; BERT's
            layers then run causally).
        encoder: BERT-like folder the neighbour encoder is taken from, or a stack to initialise.
        cross_layers: decoder layers that receive chunked cross-attention, counted from 1.
        conditioned_layers: encoder layers that attend to the retrieving chunk; none by default.
        cross_position: positions of both new cross-attentions.
        share_embeddings: let the encoder use the decoder's embeddings.
        freeze: leave the base's weights without gradients.
        seed: of the new weights.

    Returns:
        The model in evaluation mode, equal to the base while its gates are zero.

    Raises:
        CheckpointError: a folder that cannot be used, or vocabularies that differ.
    """
    base = read_base(decoder)
    encoder_base: Base | None = None
    if isinstance(encoder, StackConfig):
        stack = encoder
    else:
        encoder_base = read_encoder(encoder)
        stack = encoder_base.stack
    if encoder_base is not None and encoder_base.vocab_size != base.vocab_size:
        raise CheckpointError(
            f"vocabularies differ: {base.vocab_size} and {encoder_base.vocab_size} tokens",
            where=f"{decoder} and {encoder}",
            cure="take decoder and encoder of one tokenizer",
        )
    config = RetroConfig(
        vocab_size=base.vocab_size,
        decoder=replace(
            base.stack, cross_layers=tuple(cross_layers), cross_position=cross_position, gated=True
        ),
        encoder=replace(
            stack, cross_layers=tuple(conditioned_layers), cross_position=cross_position, gated=True
        ),
        chunk_length=chunk_length,
        neighbour_length=neighbour_length,
        share_embeddings=share_embeddings,
        tied_readout=base.readout is None,
        score_head=score_head,
        pad_id=base.pad_id,
    )
    with BUILDING_MODELS, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = RetroModel(config)
        tensors = base_weights(base, encoder_base, share_embeddings)
        _load(model, tensors)
    if freeze:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name not in tensors)
    return model.eval()


def read_encoder(folder: Path | str) -> Base:
    """A bidirectional base for the neighbour encoder."""
    family = SourceCheckpoint(Path(folder)).setting("model_type")
    if family not in BIDIRECTIONAL:
        raise CheckpointError(
            f"model_type {family!r} reads in one direction only",
            where=str(folder),
            cure="take a BERT-like model as neighbour encoder",
        )
    return read_base(folder)


def base_weights(base: Base, encoder: Base | None, share_embeddings: bool) -> dict[str, Tensor]:
    """The bases' tensors under the names of `RetroModel`."""
    tensors = {f"decoder.{name}": tensor for name, tensor in base.weights.items()}
    if base.readout is not None:
        tensors["readout.weight"] = base.readout
    for name, tensor in (encoder.weights if encoder else {}).items():
        if not (share_embeddings and name == "embedding.tokens.weight"):
            tensors[f"encoder.{name}"] = tensor
    return tensors


def _load(model: RetroModel, tensors: dict[str, Tensor]) -> None:
    own = dict(model.named_parameters())
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)
