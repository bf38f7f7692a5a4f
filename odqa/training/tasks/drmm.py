"""DRMM: fixed word vectors; what is learnt is what their histograms mean (Guo et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from odqa.encoders.static import inverse_frequencies
from odqa.training.tasks.word_ranker import WordRanker, WordRankerSettings, WordRankerTask
from odqa.word_models.drmm import Drmm, DrmmSettings, log_count_histograms
from odqa.word_models.vectors import ProjectedVectors, cosines


class DrmmTaskSettings(WordRankerSettings):
    """Keys of the DRMM task; those of `DrmmSettings` go into the checkpoint."""

    bins: int = Field(
        30, ge=2, le=65_536, description="Of a histogram, the last for exact matches."
    )
    hidden: int = Field(5, ge=1, le=65_536, description="Width of the hidden layer.")


class DrmmTask(WordRankerTask):
    """Histograms have no gradient: word vectors stay the base model's principal components."""

    Settings = DrmmTaskSettings
    kind = "drmm"
    weights = (
        "principal components of all-MiniLM-L6-v2's word-piece vectors as a matrix, inverse "
        "document frequencies in the training passages, and the layers, whole; stored in float16"
    )

    def build(self) -> nn.Module:
        texts = [passage.full_text for passage in self.data.passages.values()]
        table = self.base_table()
        idf = torch.from_numpy(inverse_frequencies(self.words.ids(texts), len(table)))
        vectors = ProjectedVectors(table, self.settings.dim)
        return _Model(Drmm(self._model_settings()), vectors, idf)

    def model_settings(self) -> Mapping[str, Any]:
        return self._model_settings().to_dict()

    def _model_settings(self) -> DrmmSettings:
        return DrmmSettings(self.settings.bins, self.settings.hidden, self.stop_words)


class _Model(WordRanker):
    def __init__(self, drmm: Drmm, vectors: ProjectedVectors, idf: Tensor) -> None:
        super().__init__()
        # Registered first: parameters go by the names under which they are stored.
        self.layers, self.gate = drmm.layers, drmm.gate
        # These two never get a gradient, so the optimiser leaves them; they are stored too.
        self.projection, self.idf = vectors.projection, nn.Parameter(idf)
        self.drmm, self.vectors = drmm, vectors

    def forward(
        self, question_ids: Tensor, question_mask: Tensor, passage_ids: Tensor, passage_mask: Tensor
    ) -> Tensor:
        with torch.no_grad():
            matrix = cosines(self.vectors(question_ids), self.vectors(passage_ids))
            is_exact = question_ids[..., :, None] == passage_ids[..., None, :]
            bins = self.drmm.settings.bins
            histograms = log_count_histograms(matrix, is_exact, passage_mask, bins)
        scores: Tensor = self.drmm(histograms, self.idf.detach()[question_ids], question_mask)
        return scores
