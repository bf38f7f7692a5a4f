"""The checkpoint folder of a RETRO model grown from the base model and then trained."""

from __future__ import annotations

import shutil
from pathlib import Path

from odqa.checkpoints.delta import Delta, merge
from odqa.errors import CheckpointError
from odqa.retro.create.grow import RetroShape, grow_retro
from odqa.retro.model.ranking_settings import RankingSettings

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)


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
    scale = float(delta.config["lora"]["alpha"]) / int(delta.config["lora"]["r"])
    try:
        model.load_state_dict(merge(model.state_dict(), delta.tensors, scale))
    except RuntimeError as error:
        raise CheckpointError(
            f"the change does not fit the grown model ({error})",
            cure="train it again, or reinstall odqa",
        ) from error
    model.save_pretrained(work)
    if "ranking" in delta.config:
        RankingSettings.from_dict(delta.config["ranking"], "ranking").save(work)
    for file in _TOKENIZER_FILES:
        if (base / file).is_file():
            shutil.copyfile(base / file, work / file)
