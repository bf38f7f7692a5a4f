"""Readers: answer questions from their best passages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from odqa.readers.dpr import DprReader, DprReaderConfig
    from odqa.readers.extractive import ExtractiveConfig, ExtractiveReader
    from odqa.readers.fid import FidConfig, FidReader
    from odqa.readers.lm import LmReader, LmReaderConfig
    from odqa.readers.predictions import PredictionsConfig, PredictionsReader
    from odqa.readers.rag import RagConfig, RagSequenceReader, RagTokenReader
    from odqa.readers.retro import RetroReader, RetroReaderConfig
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "dpr": ("DprReader", "DprReaderConfig"),
            "extractive": ("ExtractiveConfig", "ExtractiveReader"),
            "fid": ("FidConfig", "FidReader"),
            "lm": ("LmReader", "LmReaderConfig"),
            "predictions": ("PredictionsConfig", "PredictionsReader"),
            "rag": ("RagConfig", "RagSequenceReader", "RagTokenReader"),
            "retro": ("RetroReader", "RetroReaderConfig"),
        },
    )

__all__ = [
    "DprReader",
    "DprReaderConfig",
    "ExtractiveConfig",
    "ExtractiveReader",
    "FidConfig",
    "FidReader",
    "LmReader",
    "LmReaderConfig",
    "PredictionsConfig",
    "PredictionsReader",
    "RagConfig",
    "RagSequenceReader",
    "RagTokenReader",
    "RetroReader",
    "RetroReaderConfig",
]
