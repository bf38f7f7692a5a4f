"""One list of the hits of several stages: by ranks, or by scores brought to one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from odqa.fusion.ranks import RankFusion, ReciprocalRankConfig, ReciprocalRankFusion
    from odqa.fusion.scores import MinMaxFusion, ZScoreFusion
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "ranks": ("RankFusion", "ReciprocalRankConfig", "ReciprocalRankFusion"),
            "scores": ("MinMaxFusion", "ZScoreFusion"),
        },
    )

__all__ = [
    "MinMaxFusion",
    "RankFusion",
    "ReciprocalRankConfig",
    "ReciprocalRankFusion",
    "ZScoreFusion",
]
