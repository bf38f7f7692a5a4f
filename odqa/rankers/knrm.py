"""KNRM: Gaussian kernels over the similarities of question and passage words.

Xiong et al. 2017, End-to-End Neural Ad-hoc Ranking with Kernel Pooling, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from odqa.bounds import PathText
from odqa.rankers.word_ranker import WordRanker, WordRankerConfig

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from odqa.word_models.knrm import KnrmModel


class KnrmConfig(WordRankerConfig):
    """Parameters of the KNRM ranker; its kernels are the checkpoint's."""

    checkpoint: PathText = Field(
        "embedded:knrm", description="Folder that odqa train made, or embedded:NAME."
    )


class KnrmRanker(WordRanker[KnrmConfig]):
    """Reorders hits by how many passage words are how similar to each question word."""

    Config = KnrmConfig
    type_name = "knrm"

    def _read(self, folder: Path, name: str, device: torch.device) -> KnrmModel:
        from odqa.word_models.knrm import KnrmModel

        return KnrmModel.load(folder, name, device)
