"""The checkpoint folder of a RETRO model grown from the base model and then trained."""

from __future__ import annotations

from pathlib import Path

from odqa.checkpoints.delta import Delta
from odqa.checkpoints.grown import write_grown
from odqa.retro.create.grow import RetroShape, grow_retro
from odqa.retro.model.ranking_settings import RankingSettings


def build_retro(base: Path, delta: Delta, work: Path) -> None:
    """Write the checkpoint folder of a RETRO model; a ranker's has ``ranking.json`` too.

    Args:
        base: folder of the base model.
        delta: its ``config`` has ``shape`` (`RetroShape`), ``lora`` (r, alpha) and, for a
            ranker, ``ranking`` (`RankingSettings`).
        work: an empty folder.

    Raises:
        CheckpointError: the change does not fit the grown model.
    """
    model = grow_retro(base, RetroShape.from_dict(delta.config["shape"]))
    write_grown(model, base, delta, work)
    if "ranking" in delta.config:
        RankingSettings.from_dict(delta.config["ranking"], "ranking").save(work)
