"""Fusion by ranks alone: scores of different scales need not be compared."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from odqa.fusion.base import WeightedSum
from odqa.interfaces import FusionConfig
from odqa.types import Hit


class ReciprocalRankConfig(FusionConfig):
    """Parameters of reciprocal rank fusion."""

    constant: int = Field(
        60,
        ge=0,
        le=1_000_000,
        description="Added to every rank: the larger, the less the first ranks stand out.",
    )


class ReciprocalRankFusion(WeightedSum[ReciprocalRankConfig]):
    """Sum of ``weight / (constant + rank)``, ranks from 1 (Cormack, Clarke and Büttcher 2009)."""

    Config = ReciprocalRankConfig

    def values(self, hits: Sequence[Hit]) -> Sequence[float]:
        return [1 / (self.config.constant + rank) for rank in range(1, len(hits) + 1)]


class RankFusion(WeightedSum[FusionConfig]):
    """Weighted sum of normalised ranks: ``1 - (rank - 1) / n`` in a list of ``n`` hits."""

    Config = FusionConfig

    def values(self, hits: Sequence[Hit]) -> Sequence[float]:
        return [1 - place / len(hits) for place in range(len(hits))]
