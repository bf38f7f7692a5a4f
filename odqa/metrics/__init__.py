"""Scores of one question at a time, and what can be said from many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from odqa.metrics.answers import best_exact_match, best_f1, exact_match, normalise_answer
    from odqa.metrics.catalogue import CATALOGUE, Metric, describe
    from odqa.metrics.rows import MetricRow
    from odqa.metrics.statistics.pairs import PairedComparison, compare_pairs
    from odqa.metrics.statistics.summary import Summary, summarise
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "answers": ("best_exact_match", "best_f1", "exact_match", "normalise_answer"),
            "catalogue": ("CATALOGUE", "Metric", "describe"),
            "rows": ("MetricRow",),
            "statistics.pairs": ("PairedComparison", "compare_pairs"),
            "statistics.summary": ("Summary", "summarise"),
        },
    )

__all__ = [
    "CATALOGUE",
    "Metric",
    "MetricRow",
    "PairedComparison",
    "Summary",
    "best_exact_match",
    "best_f1",
    "compare_pairs",
    "describe",
    "exact_match",
    "normalise_answer",
    "summarise",
]
