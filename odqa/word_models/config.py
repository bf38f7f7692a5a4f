"""Parameters that the components with a word model have in common."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from odqa.interfaces import ModelConfig


class WordModelConfig(ModelConfig):
    """Base: which checkpoint, and where it runs."""

    precision: Literal["auto", "float32"] = Field(
        "auto",
        description="Number format: float32 on every device, for an exact match is a cosine of 1 "
        "to three digits.",
    )
    batch_size: int = Field(256, ge=1, le=65_536, description="Passages per forward pass.")
