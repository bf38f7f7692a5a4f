"""What a comparison found: per-question rows first, everything else derived from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from odqa.comparison.costs import StageCost
    from odqa.comparison.pipeline_result import PipelineResult
    from odqa.comparison.result import Comparison
    from odqa.comparison.run import run_comparison
    from odqa.comparison.trace import PipelineTrace, QuestionTrace, TracedHit
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "costs": ("StageCost",),
            "pipeline_result": ("PipelineResult",),
            "result": ("Comparison",),
            "run": ("run_comparison",),
            "trace": ("PipelineTrace", "QuestionTrace", "TracedHit"),
        },
    )

__all__ = [
    "Comparison",
    "PipelineResult",
    "PipelineTrace",
    "QuestionTrace",
    "StageCost",
    "TracedHit",
    "run_comparison",
]
