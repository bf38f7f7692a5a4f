"""RETRO: a decoder that reads retrieved chunks through chunked cross-attention.

Source of the architecture: Borgeaud et al., "Improving language models by retrieving from
trillions of tokens" (arXiv 2112.04426). Imports go down only, lowest room first:

``model``    configuration, layers, forward pass, cached decoding, input layouts
``create``   a model around a pre-trained base, from a Megatron checkpoint, or from scratch
``offline``  precomputed before any question is known: chunks, neighbour encodings, their stores
``rank``     scores of candidate passages, and what they cost
``read``     generated answers, and the likelihood of texts

In the import order, checkpoints, encoders and indexes lie between ``create`` and ``offline``:
checkpoints may be grown by ``create``, and ``offline`` uses their tokenizers and stores.
``docs/retro-code.md`` explains the code in reading order. Importing this package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from odqa.retro.create.megatron.convert import convert_megatron
    from odqa.retro.create.retrofit import retrofit
    from odqa.retro.model.capture import capture_attention
    from odqa.retro.model.config import RetroConfig, StackConfig
    from odqa.retro.model.model import Neighbours, RetroModel
    from odqa.retro.model.presets import preset
    from odqa.retro.offline.checkpoint import Candidates, RetroCheckpoint
    from odqa.retro.offline.chunks import chunk_document
    from odqa.retro.rank.joint import read_jointly
    from odqa.retro.rank.scorer import RetroScorer
    from odqa.retro.read.answering import Answering
    from odqa.retro.read.generation import generate

_MODULES = {
    "Answering": "read.answering",
    "Candidates": "offline.checkpoint",
    "Neighbours": "model.model",
    "RetroCheckpoint": "offline.checkpoint",
    "RetroConfig": "model.config",
    "RetroModel": "model.model",
    "RetroScorer": "rank.scorer",
    "StackConfig": "model.config",
    "capture_attention": "model.capture",
    "chunk_document": "offline.chunks",
    "convert_megatron": "create.megatron.convert",
    "generate": "read.generation",
    "preset": "model.presets",
    "read_jointly": "rank.joint",
    "retrofit": "create.retrofit",
}

__all__ = [
    "Answering",
    "Candidates",
    "Neighbours",
    "RetroCheckpoint",
    "RetroConfig",
    "RetroModel",
    "RetroScorer",
    "StackConfig",
    "capture_attention",
    "chunk_document",
    "convert_megatron",
    "generate",
    "preset",
    "read_jointly",
    "retrofit",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'odqa.retro' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"odqa.retro.{_MODULES[name]}"), name)
