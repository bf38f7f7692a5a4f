"""KNRM: kernel weights and word vectors learnt together (Xiong et al. 2017, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from odqa.training.tasks.word_ranker import WordRanker, WordRankerSettings, WordRankerTask
from odqa.word_models.knrm import KERNELS, Activation, Knrm, KnrmSettings, Log
from odqa.word_models.vectors import ProjectedVectors, cosines


class KnrmTaskSettings(WordRankerSettings):
    """Keys of the KNRM task; those of `KnrmSettings` go into the checkpoint."""

    kernels: tuple[tuple[float, float], ...] = Field(
        KERNELS, min_length=1, description="Mean and width of each kernel."
    )
    log: Log = Field("floor", description="Logarithm of soft term frequencies: floor or log1p.")
    floor: float = Field(1e-10, gt=0, description="Least soft term frequency, of log: floor.")
    factor: float = Field(0.01, gt=0, description="What the sums of logarithms are multiplied by.")
    activation: Activation = Field("tanh", description="Of the score: tanh or none.")


class KnrmTask(WordRankerTask):
    """All word vectors change together, by one matrix."""

    Settings = KnrmTaskSettings
    kind = "knrm"

    def build(self) -> nn.Module:
        return _Model(
            Knrm(self._model_settings()), ProjectedVectors(self.base_table(), self.settings.dim)
        )

    def model_settings(self) -> Mapping[str, Any]:
        return self._model_settings().to_dict()

    def _model_settings(self) -> KnrmSettings:
        keys: KnrmTaskSettings = self.settings
        return KnrmSettings(
            keys.kernels, keys.log, keys.floor, keys.factor, keys.activation, self.stop_words
        )


class _Model(WordRanker):
    def __init__(self, knrm: Knrm, vectors: ProjectedVectors) -> None:
        super().__init__()
        # Registered first: parameters go by the names under which they are stored.
        self.linear, self.projection = knrm.linear, vectors.projection
        self.knrm, self.vectors = knrm, vectors

    def forward(
        self, question_ids: Tensor, question_mask: Tensor, passage_ids: Tensor, passage_mask: Tensor
    ) -> Tensor:
        matrix = cosines(self.vectors(question_ids), self.vectors(passage_ids))
        scores: Tensor = self.knrm(matrix, question_mask, passage_mask)
        return scores
