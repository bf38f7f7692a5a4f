"""Fusion by scores, each list brought to one scale first (Lee 1997; Montague and Aslam 2001)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from odqa.fusion.base import WeightedSum
from odqa.interfaces import FusionConfig
from odqa.types import Hit


class MinMaxFusion(WeightedSum[FusionConfig]):
    """Weighted sum of ``(score - lowest) / (highest - lowest)``, per list.

    In a list whose scores are all equal every passage gets 1.
    """

    Config = FusionConfig

    def values(self, hits: Sequence[Hit]) -> Sequence[float]:
        scores = [hit.score for hit in hits]
        low, high = min(scores), max(scores)
        return [(score - low) / (high - low) if high > low else 1.0 for score in scores]


class ZScoreFusion(WeightedSum[FusionConfig]):
    """Weighted sum of ``(score - mean) / standard deviation``, per list.

    The deviation is the population's. In a list whose scores are all equal every passage gets 0,
    as a passage does that the list does not hold.
    """

    Config = FusionConfig
    version = 2  # 1 gave 1 or -1 where the mean of equal scores was rounded

    def values(self, hits: Sequence[Hit]) -> Sequence[float]:
        scores = [hit.score for hit in hits]
        if min(scores) == max(scores):
            return [0.0] * len(scores)
        mean = math.fsum(scores) / len(scores)
        deviation = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / len(scores))
        return [(score - mean) / deviation for score in scores]
