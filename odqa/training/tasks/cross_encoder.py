"""Cross-encoder ranker: a listwise loss over the gold passage and hard negatives.

With a ``prior`` it learns what the retriever's score does not say: logits are added to that score,
in training as in ranking (key ``alpha`` of the ranker's spec). That is for a model that can read
already (``start``): from scratch, the score explains so much that matching question and passage is
hardly learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from odqa.training.data.instances import (
    TrainingInstance,
    stack_retriever_scores,
    stack_teacher_scores,
)
from odqa.training.data.length_buckets import bucket_by_length, restore_order, tokenise
from odqa.training.model.base_encoder import base_encoder
from odqa.training.model.lora import attach, extract
from odqa.training.recipes import Part
from odqa.training.tasks.base import TrainedModel
from odqa.training.tasks.losses import distillation, listwise
from odqa.training.tasks.pair_ranking import PairRankingTask


class CrossEncoderSettings(Part):
    """Keys of the cross-encoder task."""

    max_length: int = Field(
        192, ge=16, le=1_000_000, description="Tokens per question-passage pair."
    )
    prior: float = Field(0.0, ge=0, description="Weight of the retriever's score beside the logit.")
    distill: float = Field(1.0, ge=0, description="Weight of the distillation loss.")
    temperature: float = Field(1.0, gt=0, description="Divides the teacher's scores.")
    evaluated: int = Field(
        20, ge=2, le=1_000_000, description="Candidates ranked per held-out question."
    )


class CrossEncoderTask(PairRankingTask):
    """BertForSequenceClassification with one logit; pooler and classifier are trained whole."""

    Settings = CrossEncoderSettings

    def build(self) -> nn.Module:
        model = base_encoder(
            "AutoModelForSequenceClassification", self.recipe.lora.encoder_dropout, num_labels=1
        )
        return attach(model, self.recipe.lora, heads=("bert.pooler.", "classifier."))

    def collate(self, items: Sequence[TrainingInstance]) -> dict[str, Any]:
        pairs = [(instance.question.text, text) for instance in items for text in instance.texts]
        return {
            **self.encode(pairs),
            "retriever_scores": stack_retriever_scores(items),
            "teacher_scores": stack_teacher_scores(items),
        }

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        prior: Tensor = batch["retriever_scores"]
        settings: CrossEncoderSettings = self.settings
        scores = self.scores(model, batch).view_as(prior) + settings.prior * prior
        distilled = distillation(scores, batch["teacher_scores"], settings.temperature)
        return listwise(scores) + settings.distill * distilled

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        return {
            self.recipe.name: TrainedModel(
                extract(model),
                {
                    "kind": "sequence-classification",
                    "prefix": "bert.",
                    "max_length": self.settings.max_length,
                },
            )
        }

    def encode(self, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
        encoded = tokenise(
            self.tokenizer,
            [question for question, _ in pairs],
            [text for _, text in pairs],
            self.settings.max_length,
        )
        return dict(bucket_by_length(encoded, self.tokenizer.pad_token_id))

    def scores(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        parts = [model(**bucket).logits[:, 0].float() for bucket in batch["buckets"]]
        return restore_order(parts, batch["order"])
