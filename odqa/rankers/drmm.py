"""DRMM: histograms of the similarities of question and passage words.

Guo et al. 2016, A Deep Relevance Matching Model for Ad-hoc Retrieval, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from odqa.bounds import PathText
from odqa.rankers.word_ranker import WordRanker, WordRankerConfig

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from odqa.word_models.drmm import DrmmModel


class DrmmConfig(WordRankerConfig):
    """Parameters of the DRMM ranker; its bins are the checkpoint's."""

    checkpoint: PathText = Field(
        "embedded:drmm", description="Folder that odqa train made, or embedded:NAME."
    )


class DrmmRanker(WordRanker[DrmmConfig]):
    """Reorders hits by histograms of the similarities of each question word."""

    Config = DrmmConfig
    type_name = "drmm"

    def _read(self, folder: Path, name: str, device: torch.device) -> DrmmModel:
        from odqa.word_models.drmm import DrmmModel

        return DrmmModel.load(folder, name, device)
