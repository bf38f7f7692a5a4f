"""RETROfit: grow a RETRO model around a pre-trained one (RETRO, §4.2).

The base keeps every weight; what is new sits behind gates that start at zero, so that the grown
model begins as the base exactly and departs from it only by training the new weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from odqa.errors import CheckpointError
from odqa.retro.create.bases.base import Base, Foreign
from odqa.retro.create.bases.bert import read_bert
from odqa.retro.create.bases.gpt2 import read_gpt2
from odqa.retro.create.bases.llama import read_llama
from odqa.retro.model.config import CrossPosition, RetroConfig, StackConfig
from odqa.retro.model.model import RetroModel

READERS: dict[str, Callable[[Foreign], Base]] = {
    "bert": read_bert,
    "roberta": read_bert,
    "gpt2": read_gpt2,
    "llama": read_llama,
    "mistral": read_llama,
    "qwen2": read_llama,
}
BIDIRECTIONAL = ("bert", "roberta")


def read_base(folder: Path | str) -> Base:
    """A pre-trained Hugging Face model folder as a stack.

    Raises:
        CheckpointError: no such folder, another family, or a feature that cannot be expressed.
    """
    foreign = Foreign(Path(folder))
    family = foreign.setting("model_type")
    if family not in READERS:
        known = ", ".join(READERS)
        raise CheckpointError(
            f"cannot grow RETRO from model_type {family!r}", where=str(folder), cure=f"use {known}"
        )
    return READERS[family](foreign)


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
        encoder: BERT-like folder the neighbour encoder is taken from, or the stack to initialise.
        cross_layers: decoder layers that receive chunked cross-attention, counted from 1.
        conditioned_layers: encoder layers that attend to the retrieving chunk; none by default.
        cross_position: positions of both new cross-attentions.
        share_embeddings: let the encoder read with the decoder's embeddings.
        freeze: take gradients from what came from the base.
        seed: of the new weights.

    Returns:
        The model in evaluation mode, equal to the base while its gates are zero.

    Raises:
        CheckpointError: a folder that cannot be used, or vocabularies that differ.
    """
    base = read_base(decoder)
    read: Base | None = None
    if isinstance(encoder, StackConfig):
        stack = encoder
    else:
        read = read_encoder(encoder)
        stack = read.stack
    if read is not None and read.vocab_size != base.vocab_size:
        raise CheckpointError(
            f"vocabularies differ: {base.vocab_size} and {read.vocab_size} tokens",
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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = RetroModel(config)
    given = base_weights(base, read, share_embeddings)
    _load(model, given)
    if freeze:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name not in given)
    return model.eval()


def read_encoder(folder: Path | str) -> Base:
    """A bidirectional base for the neighbour encoder."""
    family = Foreign(Path(folder)).setting("model_type")
    if family not in BIDIRECTIONAL:
        raise CheckpointError(
            f"model_type {family!r} reads in one direction only",
            where=str(folder),
            cure="take a BERT-like model as neighbour encoder",
        )
    return read_base(folder)


def base_weights(base: Base, encoder: Base | None, share_embeddings: bool) -> dict[str, Tensor]:
    """The bases' tensors under the names of `RetroModel`."""
    given = {f"decoder.{name}": tensor for name, tensor in base.weights.items()}
    if base.readout is not None:
        given["readout.weight"] = base.readout
    for name, tensor in (encoder.weights if encoder else {}).items():
        if not (share_embeddings and name == "embedding.tokens.weight"):
            given[f"encoder.{name}"] = tensor
    return given


def _load(model: RetroModel, given: dict[str, Tensor]) -> None:
    own = dict(model.named_parameters())
    with torch.no_grad():
        for name, tensor in given.items():
            own[name].copy_(tensor)
