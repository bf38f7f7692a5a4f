"""odqa: which open-domain QA architecture is better, at what cost, and why?

Importing it is cheap: torch, Java and MLflow are loaded by the components that need them. What
stands here is what users import; pipelines by operators are in `odqa.stages`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.lazy_exports import lazy_exports

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from odqa.api import compare
    from odqa.cache import Cache
    from odqa.comparison.result import Comparison
    from odqa.data.corpus import Corpus
    from odqa.data.dataset import Dataset
    from odqa.data.questions import QuestionSet
    from odqa.errors import OdqaError, SpecErrors
    from odqa.execution.pipeline import Pipeline
    from odqa.interfaces import (
        Component,
        ComponentConfig,
        Cost,
        Fusion,
        FusionConfig,
        ModelConfig,
        Ranker,
        RankerConfig,
        Reader,
        Retriever,
        Rewriter,
        RewriterConfig,
        StageConfig,
        Stored,
    )
    from odqa.ranking import reranked
    from odqa.registry import register, unregister
    from odqa.spec.datasets import open_dataset
    from odqa.spec.pipeline import PipelineSpec, load_pipeline, parse_pipeline
    from odqa.types import Answer, Hit, Passage, Query, Question
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "api": ("compare",),
            "cache": ("Cache",),
            "comparison.result": ("Comparison",),
            "data.corpus": ("Corpus",),
            "data.dataset": ("Dataset",),
            "data.questions": ("QuestionSet",),
            "errors": ("OdqaError", "SpecErrors"),
            "execution.pipeline": ("Pipeline",),
            "interfaces": (
                "Component",
                "ComponentConfig",
                "Cost",
                "Fusion",
                "FusionConfig",
                "ModelConfig",
                "Ranker",
                "RankerConfig",
                "Reader",
                "Retriever",
                "Rewriter",
                "RewriterConfig",
                "StageConfig",
                "Stored",
            ),
            "ranking": ("reranked",),
            "registry": ("register", "unregister"),
            "spec.datasets": ("open_dataset",),
            "spec.pipeline": ("PipelineSpec", "load_pipeline", "parse_pipeline"),
            "types": ("Answer", "Hit", "Passage", "Query", "Question"),
        },
    )

__all__ = [
    "Answer",
    "Cache",
    "Comparison",
    "Component",
    "ComponentConfig",
    "Corpus",
    "Cost",
    "Dataset",
    "Fusion",
    "FusionConfig",
    "Hit",
    "ModelConfig",
    "OdqaError",
    "Passage",
    "Pipeline",
    "PipelineSpec",
    "Query",
    "Question",
    "QuestionSet",
    "Ranker",
    "RankerConfig",
    "Reader",
    "Retriever",
    "Rewriter",
    "RewriterConfig",
    "SpecErrors",
    "StageConfig",
    "Stored",
    "compare",
    "load_pipeline",
    "open_dataset",
    "parse_pipeline",
    "register",
    "reranked",
    "unregister",
]
