"""Rankers: reorder the passages a retriever found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from odqa.rankers.colbert import ColbertConfig, ColbertRanker, TokenMatch
    from odqa.rankers.cross_encoder import CrossEncoderConfig, CrossEncoderRanker
    from odqa.rankers.llm_listwise import LlmListwiseConfig, LlmListwiseRanker
    from odqa.rankers.llm_pointwise import LlmPointwiseConfig, LlmPointwiseRanker
    from odqa.rankers.monot5 import MonoT5Config, MonoT5Ranker
    from odqa.rankers.retro import RetroRanker, RetroRankerConfig
    from odqa.rankers.run_file import RunFileRanker, RunFileRankerConfig
    from odqa.rankers.upr import UprConfig, UprRanker
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "colbert": ("ColbertConfig", "ColbertRanker", "TokenMatch"),
            "cross_encoder": ("CrossEncoderConfig", "CrossEncoderRanker"),
            "llm_listwise": ("LlmListwiseConfig", "LlmListwiseRanker"),
            "llm_pointwise": ("LlmPointwiseConfig", "LlmPointwiseRanker"),
            "monot5": ("MonoT5Config", "MonoT5Ranker"),
            "retro": ("RetroRanker", "RetroRankerConfig"),
            "run_file": ("RunFileRanker", "RunFileRankerConfig"),
            "upr": ("UprConfig", "UprRanker"),
        },
    )

__all__ = [
    "ColbertConfig",
    "ColbertRanker",
    "CrossEncoderConfig",
    "CrossEncoderRanker",
    "LlmListwiseConfig",
    "LlmListwiseRanker",
    "LlmPointwiseConfig",
    "LlmPointwiseRanker",
    "MonoT5Config",
    "MonoT5Ranker",
    "RetroRanker",
    "RetroRankerConfig",
    "RunFileRanker",
    "RunFileRankerConfig",
    "TokenMatch",
    "UprConfig",
    "UprRanker",
]
