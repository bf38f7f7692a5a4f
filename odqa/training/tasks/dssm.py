"""DSSM: the posterior of the gold passage among four negatives (Huang et al. 2013, section 3.3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from odqa.training.tasks.base import TrainedModel
from odqa.training.tasks.losses import listwise
from odqa.training.tasks.word_retriever import WordRetrieverSettings, WordRetrieverTask
from odqa.word_models.dssm import Counts, Dssm, DssmSettings, bags
from odqa.word_models.trigrams import Trigrams, frequent_trigrams


class DssmTaskSettings(WordRetrieverSettings):
    """Keys of the DSSM task."""

    layers: tuple[int, ...] = Field(
        (300, 300, 128), min_length=1, description="Widths of the tanh layers."
    )
    gamma: float = Field(10.0, gt=0, description="What cosines are multiplied by: smoothing.")
    counts: Counts = Field(
        "unit", description="Trigram counts scaled to unit length, or raw as in the paper."
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of a text's trigrams left out in training, at random."
    )
    least: int = Field(
        5, ge=1, description="Trigrams that so many training texts have are in the matrix."
    )


class DssmTask(WordRetrieverTask):
    """Every layer is new.

    The first begins as a random projection of trigram counts weighted by inverse document
    frequency, the others as rotations: at step 0 cosines are roughly those of weighted trigrams.
    """

    Settings = DssmTaskSettings
    kind = "dssm"
    weights = "a matrix over the letter trigrams of the training texts and two layers, whole; "
    weights += "stored in float16"

    def build(self) -> nn.Module:
        model = Dssm(self._model_settings(), len(self._frequencies))
        n = 1 + len(self._texts)
        idf = torch.tensor([math.log(n / (1 + df)) for _, df in self._frequencies])
        width = self.settings.layers[0]
        with torch.no_grad():
            model.hashing.copy_(torch.randn(len(idf), width) * idf[:, None] / math.sqrt(width))
            for layer in model.layers:
                assert isinstance(layer, nn.Linear)
                nn.init.orthogonal_(layer.weight)
                nn.init.zeros_(layer.bias)
        return model

    def inputs(self, texts: Sequence[str]) -> dict[str, Tensor]:
        return dict(zip(("rows", "counts", "starts"), bags(self._trigrams, texts), strict=True))

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        for side in ("questions", "passages"):
            counts = batch[side]["counts"]
            kept = torch.rand_like(counts) >= self.settings.dropout
            batch[side] = {**batch[side], "counts": counts * kept}
        questions, passages = self.vectors(model, batch)
        return listwise(self.settings.gamma * torch.einsum("nd,nmd->nm", questions, passages))

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        known = "".join(trigram for trigram, _ in self._frequencies)
        return {
            name: TrainedModel(kept.tensors, {**kept.config, "trigrams": known})
            for name, kept in super().trained(model).items()
        }

    def model_settings(self) -> Mapping[str, Any]:
        return self._model_settings().to_dict()

    def _model_settings(self) -> DssmSettings:
        keys: DssmTaskSettings = self.settings
        return DssmSettings(keys.layers, keys.gamma, keys.counts)

    @cached_property
    def _texts(self) -> list[str]:
        """What trigrams are counted in: all passages, and the questions that are trained on."""
        questions = (row.question.text for rows in self.data.train.values() for row in rows)
        return [*(passage.full_text for passage in self.data.passages.values()), *questions]

    @cached_property
    def _frequencies(self) -> list[tuple[str, int]]:
        return frequent_trigrams(self._texts, self.settings.least)

    @cached_property
    def _trigrams(self) -> Trigrams:
        return Trigrams([trigram for trigram, _ in self._frequencies])
