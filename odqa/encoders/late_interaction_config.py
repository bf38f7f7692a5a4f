"""The keys of every component with a late-interaction encoder."""

from __future__ import annotations

from pydantic import Field

from odqa.bounds import PathText
from odqa.interfaces import ModelConfig


class LateInteractionConfig(ModelConfig):
    """Its checkpoint, and how long texts may be."""

    checkpoint: PathText = Field(
        "embedded:colbert",
        description="Folder, embedded:NAME or hub id, in colbert-ai's format or PyLate's.",
    )
    query_maxlen: int | None = Field(
        None,
        ge=4,
        le=1_000_000,
        description="Tokens per question, [MASK] included; default: the checkpoint's.",
    )
    doc_maxlen: int | None = Field(
        None,
        ge=4,
        le=1_000_000,
        description="Tokens per passage, markers included; default: the checkpoint's.",
    )
    batch_size: int = Field(
        32, ge=1, le=65_536, description="Questions, or passages of 128 tokens, per forward pass."
    )
