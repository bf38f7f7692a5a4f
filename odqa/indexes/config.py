"""Configurations of vector search: exact, or by one of two approximate indexes; and of search over
token vectors: exact, or over compressed ones."""

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


class ExactTokens(_Index):
    """Exact MaxSim over the token vectors of all passages."""

    type: Literal["exact"] = Field(default="exact", description="Exact MaxSim over all passages.")


class ResidualTokens(_Index):
    """Compressed token vectors, and candidates by their centroids (Santhanam et al. 2022).

    What is left open depends on the stage's ``k``, as in PLAID's table 2.
    """

    type: Literal["residual"] = Field(
        default="residual", description="Approximate search over compressed token vectors."
    )
    bits: Literal[1, 2, 4] = Field(2, description="Bits per number of a token vector.")
    centroids: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="Default: 16 times the root of the token count, rounded down to a power of 2.",
    )
    probes: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="Centroids visited per question token (ncells); default: 1, 2 or 4 by k.",
    )
    threshold: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="Similarity to the question below which a centroid is left out of the first "
        "estimate; default: 0.5, 0.45 or 0.4 by k.",
    )
    candidates: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="Passages that are left after the first estimate (ndocs), of which a quarter "
        "is scored by all numbers; default: 256, 1024 or 4096 by k, at least 4 k.",
    )


class PlaidTokens(_Index):
    """colbert-ai's own PLAID (Santhanam et al. 2022), where that package is installed.

    Keys are named as there; what is left open depends on the stage's ``k``, as in its ``Searcher``
    (PLAID's table 2).
    """

    type: Literal["plaid"] = Field(
        default="plaid", description="Approximate search by colbert-ai's PLAID."
    )
    nbits: Literal[1, 2, 4] = Field(2, description="Bits per number of a token vector.")
    centroids: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Default: 16 times the root of the token count, rounded down to a power of 2.",
    )
    kmeans_niters: int = Field(4, ge=1, le=1_000, description="Iterations of k-means.")
    seed: int = Field(
        12_345, ge=0, le=2**32 - 1, description="Of the sample that the centroids are trained on."
    )
    # colbert-ai keeps 8 bytes on the stack for each cell of a question, as for `ndocs` below.
    ncells: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Centroids visited per question token; default: 1, 2 or 4 by k.",
    )
    centroid_score_threshold: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="Similarity to the question below which a centroid is left out of the first "
        "estimate; default: 0.5, 0.45 or 0.4 by k.",
    )
    # 8 bytes for each passage that is scored, too: a million of them would end the process, since
    # the stack usually ends at 8 MiB.
    ndocs: int | None = Field(
        None,
        ge=4,
        le=1_000_000,
        description="Passages that are left after the first estimate, of which a quarter is scored "
        "and can be found; default: 256, 1024 or 4096 by k, at least 4 k.",
    )


def plaid_defaults(k: int) -> tuple[int, float, int]:
    """Centroids per question token, threshold and candidates for ``k`` hits (PLAID, table 2)."""
    if k <= 10:
        return 1, 0.5, 256
    return (2, 0.45, 1024) if k <= 100 else (4, 0.4, max(4096, 4 * k))


TokenIndexConfig = Annotated[
    ExactTokens | ResidualTokens | PlaidTokens, Field(discriminator="type")
]
