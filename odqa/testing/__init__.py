"""Test suites and tiny checkpoints for components, ours and third parties'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from odqa.testing.conformance import (
        check_fusion,
        check_ranker,
        check_reader,
        check_retriever,
        check_rewriter,
    )
    from odqa.testing.toys import toy_components, toy_dataset
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "conformance": (
                "check_fusion",
                "check_ranker",
                "check_reader",
                "check_retriever",
                "check_rewriter",
            ),
            "toys": ("toy_components", "toy_dataset"),
        },
    )

__all__ = [
    "check_fusion",
    "check_ranker",
    "check_reader",
    "check_retriever",
    "check_rewriter",
    "toy_components",
    "toy_dataset",
]
