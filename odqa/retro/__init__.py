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

from typing import TYPE_CHECKING

from odqa.lazy_exports import lazy_exports

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
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "create.megatron.convert": ("convert_megatron",),
            "create.retrofit": ("retrofit",),
            "model.capture": ("capture_attention",),
            "model.config": ("RetroConfig", "StackConfig"),
            "model.model": ("Neighbours", "RetroModel"),
            "model.presets": ("preset",),
            "offline.checkpoint": ("Candidates", "RetroCheckpoint"),
            "offline.chunks": ("chunk_document",),
            "rank.joint": ("read_jointly",),
            "rank.scorer": ("RetroScorer",),
            "read.answering": ("Answering",),
            "read.generation": ("generate",),
        },
    )

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
