"""Configurations of vector search: exact, or by one of two approximate indexes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from odqa.interfaces import ComponentConfig

Metric = Literal["ip", "l2"]


class _Index(ComponentConfig):
    type: str

    @model_serializer(mode="wrap")
    def _keep_type(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        # The tag equals its default, but without it a saved spec could not be read again.
        return {"type": self.type, **handler(self)}


class FlatIndex(_Index):
    """Exact search over all vectors."""

    type: Literal["flat"] = Field(default="flat", description="Exact search.")


class HnswIndex(_Index):
    """Graph of near neighbours (Malkov and Yashunin 2016): fast, keeps all vectors in memory."""

    type: Literal["hnsw"] = Field(default="hnsw", description="Approximate search by a graph.")
    links: int = Field(32, ge=2, le=1_024, description="Edges per vector (M).")
    ef_construction: int = Field(
        200, ge=1, le=1_000_000, description="Candidates kept while building."
    )
    ef_search: int = Field(128, ge=1, le=1_000_000, description="Candidates kept while searching.")


class IvfPqIndex(_Index):
    """Inverted lists of compressed vectors (Jégou et al. 2011): small in memory."""

    type: Literal["ivfpq"] = Field(default="ivfpq", description="Approximate search, compressed.")
    lists: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="Inverted lists; default: 4 times the root of the vector count.",
    )
    probes: int = Field(32, ge=1, le=10_000_000, description="Lists visited per question.")
    code_bytes: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="Bytes per vector, a divisor of its width; default: an eighth.",
    )
    refine: int = Field(
        4,
        ge=1,
        le=10_000,
        description="Candidates per wanted hit that are scored again by full vectors.",
    )


IndexConfig = Annotated[FlatIndex | HnswIndex | IvfPqIndex, Field(discriminator="type")]
