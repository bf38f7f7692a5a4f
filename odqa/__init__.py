"""odqa: which open-domain QA architecture is better, at what cost, and why?

Importing it is cheap: torch, Java and MLflow are loaded by the components that need them. What
stands here is what users import; pipelines by operators are in `odqa.stages`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from odqa.api import compare
    from odqa.cache import Cache
    from odqa.comparison.result import Comparison
    from odqa.data.corpus import Corpus
    from odqa.data.dataset import Dataset
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

_EXPORTS = {
    "odqa.api": ("compare",),
    "odqa.cache": ("Cache",),
    "odqa.comparison.result": ("Comparison",),
    "odqa.data.corpus": ("Corpus",),
    "odqa.data.dataset": ("Dataset",),
    "odqa.errors": ("OdqaError", "SpecErrors"),
    "odqa.execution.pipeline": ("Pipeline",),
    "odqa.interfaces": (
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
    "odqa.ranking": ("reranked",),
    "odqa.registry": ("register", "unregister"),
    "odqa.spec.datasets": ("open_dataset",),
    "odqa.spec.pipeline": ("PipelineSpec", "load_pipeline", "parse_pipeline"),
    "odqa.types": ("Answer", "Hit", "Passage", "Query", "Question"),
}
_WHERE = {name: module for module, names in _EXPORTS.items() for name in names}

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


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'odqa' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
