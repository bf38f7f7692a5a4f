"""Find passages for questions in the whole corpus: one file per retriever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from odqa.retrievers.bm25 import Bm25Config, Bm25Retriever
    from odqa.retrievers.dpr import DprConfig, DprRetriever
    from odqa.retrievers.oracle import OracleConfig, OracleRetriever
    from odqa.retrievers.retro import ChunkHit, RetroRetriever, RetroRetrieverConfig
    from odqa.retrievers.run_file import RunFileRetriever
    from odqa.retrievers.sentence import SentenceConfig, SentenceRetriever
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "bm25": ("Bm25Config", "Bm25Retriever"),
            "dpr": ("DprConfig", "DprRetriever"),
            "oracle": ("OracleConfig", "OracleRetriever"),
            "retro": ("ChunkHit", "RetroRetriever", "RetroRetrieverConfig"),
            "run_file": ("RunFileRetriever",),
            "sentence": ("SentenceConfig", "SentenceRetriever"),
        },
    )

__all__ = [
    "Bm25Config",
    "Bm25Retriever",
    "ChunkHit",
    "DprConfig",
    "DprRetriever",
    "OracleConfig",
    "OracleRetriever",
    "RetroRetriever",
    "RetroRetrieverConfig",
    "RunFileRetriever",
    "SentenceConfig",
    "SentenceRetriever",
]
