"""odqa: which open-domain QA architecture is better, at what cost, and why?

Importing it is cheap: torch, Java and MLflow are loaded by the components that need them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from odqa.api import compare
    from odqa.cache import Cache
    from odqa.comparison.result import Comparison
    from odqa.execution.pipeline import Pipeline
    from odqa.registry import register
    from odqa.types import Answer, Hit, Passage, Query, Question

_WHERE = {
    "compare": "odqa.api",
    "Cache": "odqa.cache",
    "Comparison": "odqa.comparison.result",
    "Pipeline": "odqa.execution.pipeline",
    "register": "odqa.registry",
    "Answer": "odqa.types",
    "Hit": "odqa.types",
    "Passage": "odqa.types",
    "Query": "odqa.types",
    "Question": "odqa.types",
}

__all__ = [
    "Answer",
    "Cache",
    "Comparison",
    "Hit",
    "Passage",
    "Pipeline",
    "Query",
    "Question",
    "compare",
    "register",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'odqa' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
