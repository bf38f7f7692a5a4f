"""Recipes: YAML files with everything that a set of weights depends on."""

from __future__ import annotations

from odqa.training.recipes.schema import (
    DataPart,
    LoraPart,
    NegativePart,
    OptimPart,
    Part,
    Recipe,
    TaskName,
)

__all__ = [
    "DataPart",
    "LoraPart",
    "NegativePart",
    "OptimPart",
    "Part",
    "Recipe",
    "TaskName",
]
