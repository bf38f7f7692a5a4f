"""One list of the hits of several stages: by ranks, or by scores brought to one scale.

The values are those of the library ranx 0.3.21: ``rrf`` its fusion of that name; ``rank``,
``min_max`` and ``z_score`` its (weighted) sum after the norms ``rank``, ``min-max`` and ``zmuv``.
On purpose three things are not as there:

* Where all scores of a list are equal, as where it has one passage alone, ``min_max`` gives 1, ranx
  0: to be the only one found must not count as little as to be the last one.
* Equal sums are ordered by passage id, and so do not depend on the order of the lists; in ranx they
  do.
* A list may be empty, and then says nothing; ranx refuses runs that lack a question of others.
"""

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
