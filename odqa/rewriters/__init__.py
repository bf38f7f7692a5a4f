"""Rewriters: texts to search for instead of, or beside, the question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from odqa.rewriters.hyde import HydeConfig, HydeRewriter
    from odqa.rewriters.keywords import KeywordsConfig, KeywordsRewriter
    from odqa.rewriters.multi_query import MultiQueryConfig, MultiQueryRewriter
    from odqa.rewriters.query_file import QueryFileConfig, QueryFileRewriter
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "hyde": ("HydeConfig", "HydeRewriter"),
            "keywords": ("KeywordsConfig", "KeywordsRewriter"),
            "multi_query": ("MultiQueryConfig", "MultiQueryRewriter"),
            "query_file": ("QueryFileConfig", "QueryFileRewriter"),
        },
    )

__all__ = [
    "HydeConfig",
    "HydeRewriter",
    "KeywordsConfig",
    "KeywordsRewriter",
    "MultiQueryConfig",
    "MultiQueryRewriter",
    "QueryFileConfig",
    "QueryFileRewriter",
]
