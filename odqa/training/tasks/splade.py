"""SPLADE: sparse vectors over the vocabulary, kept sparse by a FLOPS penalty.

Formal et al. 2021, SPLADE v2, sections 2.2 and 2.3: in-batch and hard negatives, maximum pooling,
the penalty of Paria et al. 2020 on questions and passages, whose weight rises quadratically.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from odqa.encoders.splade_pooling import splade_pooled
from odqa.training.data.instances import InstanceSchedule, TrainingInstance
from odqa.training.data.length_buckets import LengthBuckets, restore_order
from odqa.training.model.base_encoder import base_encoder
from odqa.training.model.lora import attach, extract
from odqa.training.model.mlm_head import fit_mlm_head
from odqa.training.tasks.base import Schedule, TrainedModel
from odqa.training.tasks.dpr import DprSettings, DprTask
from odqa.training.tasks.losses import flops, in_batch_with_distillation

_HEAD = ("cls.predictions.transform.", "cls.predictions.bias")


class SpladeSettings(DprSettings):
    """Keys of the SPLADE task."""

    scale: float = Field(1.0, gt=0, description="Scores are multiplied by this.")
    query_flops: float = Field(1e-2, ge=0, description="Weight of the penalty on questions.")
    passage_flops: float = Field(1e-2, ge=0, description="Weight of the penalty on passages.")
    flops_rise: float = Field(
        0.3, gt=0, le=1, description="Share of the training in which both weights rise."
    )
    sampled: int = Field(
        300, ge=32, le=10_000_000, description="Passages that the first head is fitted to."
    )
    logit_scale: float = Field(8.0, gt=0, description="Of the first head: length of its states.")
    threshold: float = Field(
        4.0, description="Of the first head: deviations at which a word begins to count."
    )


class Numbered(Schedule):
    """A schedule whose items know how much of the training lies before them, from 0 to 1."""

    def __init__(self, schedule: InstanceSchedule) -> None:
        self._schedule = schedule

    def __len__(self) -> int:
        return len(self._schedule)

    def __getitem__(self, index: int, /) -> tuple[float, TrainingInstance]:
        return index / len(self._schedule), self._schedule[index]


class SpladeModel(nn.Module):
    """A masked language model, named as transformers names it."""

    def __init__(self, mlm: Any) -> None:
        super().__init__()
        self.bert, self.cls = mlm.bert, mlm.cls

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Weights of the vocabulary's words, float32 [texts, vocabulary]."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return splade_pooled(self.cls(hidden), attention_mask)


class SpladeTask(DprTask):
    """One low-rank change of the base for both sides, with a new head."""

    Settings = SpladeSettings
    kind = "splade"

    def build(self) -> nn.Module:
        mlm = base_encoder("AutoModelForMaskedLM", self.recipe.lora.encoder_dropout)
        settings: SpladeSettings = self.settings
        sample = self.data.train["nq"][: settings.sampled]
        texts = [self.data.passages[labelled.gold_id].full_text for labelled in sample]
        fit_mlm_head(
            mlm,
            self._encode(texts, settings.max_length)["buckets"],
            scale=settings.logit_scale,
            threshold=settings.threshold,
        )
        return attach(SpladeModel(mlm), self.recipe.lora, heads=_HEAD)

    # The trainer hands a task the items of its own schedule.
    def schedule(self) -> Numbered:  # type: ignore[override]
        return Numbered(super().schedule())

    def collate(  # type: ignore[override]
        self, items: Sequence[tuple[float, TrainingInstance]]
    ) -> dict[str, Any]:
        progress = torch.tensor(max(place for place, _ in items))
        return {**super().collate([instance for _, instance in items]), "progress": progress}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        settings: SpladeSettings = self.settings
        questions = self._vectors(model, "", batch["questions"])
        passages = self._vectors(model, "", batch["passages"])
        with torch.autocast(questions.device.type, enabled=False):
            scores = settings.scale * (questions @ passages.T)
        loss = in_batch_with_distillation(
            scores,
            batch["excluded"],
            batch["teacher_scores"],
            weight=settings.distill,
            temperature=settings.temperature,
            objective=settings.objective,
            labels=settings.labels,
        )
        rise: Tensor = (batch["progress"] / settings.flops_rise).clamp(max=1.0) ** 2
        penalty = settings.query_flops * flops(questions) + settings.passage_flops * flops(passages)
        return loss + rise * penalty

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Also how many words the held-out questions and their gold passages have."""
        settings: SpladeSettings = self.settings
        held_out = self.data.validation
        texts = {
            "question terms": [labelled.question.text for labelled in held_out],
            "passage terms": [self.data.passages[each.gold_id].full_text for each in held_out],
        }
        lengths = (settings.query_length, settings.max_length)
        density = {}
        for (name, part), length in zip(texts.items(), lengths, strict=True):
            weights = self._vectors(model, "", self._encode(part, length))
            density[name] = float((weights > 0).sum(1).float().mean())
        return {**super().evaluate(model), **density}

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        config = {"kind": "splade", "prefix": "bert.", "max_length": self.settings.max_length}
        return {self.recipe.name: TrainedModel(extract(model), config)}

    def _vectors(self, model: nn.Module, side: str, encoded: LengthBuckets) -> Tensor:
        parts = [model(**bucket) for bucket in encoded["buckets"]]
        return restore_order(parts, encoded["order"])
