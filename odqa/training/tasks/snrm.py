"""SNRM: a pairwise hinge, and an L1 norm that makes vectors sparse (Zamani et al. 2018, 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from odqa.encoders.static import inverse_frequencies
from odqa.training.tasks.losses import pairwise_hinge
from odqa.training.tasks.word_retriever import WordRetrieverSettings, WordRetrieverTask
from odqa.word_models.snrm import Snrm, SnrmSettings
from odqa.word_models.vectors import ProjectedVectors, padded_ids


class SnrmTaskSettings(WordRetrieverSettings):
    """Keys of the SNRM task; window, hidden and terms go into the checkpoint."""

    dim: int = Field(128, ge=1, le=384, description="Width of the word vectors.")
    window: Literal[1, 3, 5, 7, 9] = Field(5, description="Words seen together.")
    terms: int = Field(5000, ge=1, le=1_000_000, description="Latent terms.")
    threshold: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="Cosine from which a word begins to have another word's latent term, at "
        "step 0.",
    )
    gain: float = Field(
        4.0, gt=0, description="What latent terms are multiplied by at step 0, beside idf."
    )
    margin: float = Field(1.0, gt=0, description="By which the hinge wants gold to be ahead.")
    l1: float = Field(
        1e-4, ge=0, description="Weight of the mean L1 norm of questions and passages: lambda."
    )


class SnrmTask(WordRetrieverTask):
    """Every layer is new.

    With this little data it does not begin at random: the narrow layer passes the middle word's
    vector on, its positive and its negative part, and each latent term begins as one frequent word,
    weighted by inverse document frequency, which near words have a share of.
    """

    Settings = SnrmTaskSettings
    kind = "snrm"

    def build(self) -> nn.Module:
        settings: SnrmTaskSettings = self.settings
        table = self.base_table()
        vectors = ProjectedVectors(table, settings.dim)
        snrm = Snrm(self._model_settings(), settings.dim)
        ids = self.words.ids([passage.full_text for passage in self.data.passages.values()])
        idf = torch.from_numpy(inverse_frequencies(ids, len(table)))
        # Those of lowest idf but not of all passages: the most frequent, ties by id.
        frequent = torch.sort(idf, stable=True).indices[: settings.terms]
        with torch.no_grad():
            self._begin(snrm, nn.functional.normalize(vectors(frequent), dim=-1), idf[frequent])
        return _Model(snrm, vectors)

    def _begin(self, snrm: Snrm, words: Tensor, weights: Tensor) -> None:
        first, last = (layer for layer in snrm.layers if isinstance(layer, nn.Linear))
        dim, middle = self.settings.dim, self.settings.window // 2
        nn.init.normal_(first.weight, std=0.01)
        nn.init.zeros_(first.bias)
        both = torch.cat([torch.eye(dim), -torch.eye(dim)])
        first.weight[:, middle * dim : (middle + 1) * dim] += both
        weights = self.settings.gain * weights
        last.weight.copy_(torch.cat([words, -words], dim=1) * weights[:, None])
        last.bias.copy_(-self.settings.threshold * weights)

    def inputs(self, texts: Sequence[str]) -> dict[str, Tensor]:
        ids, mask = padded_ids(self.words.ids(texts))
        return {"ids": ids, "mask": mask}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        questions, passages = self.vectors(model, batch)
        scores = torch.einsum("nd,nmd->nm", questions, passages)
        # Both are sums of numbers that are not negative.
        length = questions.sum(-1).mean() + passages.sum(-1).mean()
        hinge = pairwise_hinge(scores, self.settings.margin)
        loss: Tensor = hinge + self.settings.l1 * length
        return loss

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Ranking figures, and the mean shares of latent terms that are not 0."""
        passages = [self.data.passages[row.gold_id].full_text for row in self.data.validation]
        questions = [row.question.text for row in self.data.validation]
        density = {
            name: float((model(**self.inputs(texts)) > 0).float().mean())
            for name, texts in (("passage density", passages), ("question density", questions))
        }
        return {**super().evaluate(model), **density}

    def model_settings(self) -> Mapping[str, Any]:
        return self._model_settings().to_dict()

    def _model_settings(self) -> SnrmSettings:
        keys: SnrmTaskSettings = self.settings
        return SnrmSettings(keys.window, (2 * keys.dim,), keys.terms, self.stop_words)


class _Model(nn.Module):
    def __init__(self, snrm: Snrm, vectors: ProjectedVectors) -> None:
        super().__init__()
        # Registered first: parameters go by the names under which they are stored.
        self.layers, self.projection = snrm.layers, vectors.projection
        self.snrm, self.vectors = snrm, vectors

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        terms: Tensor = self.snrm(self.vectors(ids), mask)
        return terms
