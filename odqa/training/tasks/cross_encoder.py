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
    InstanceSchedule,
    TrainingInstance,
    stack_retriever_scores,
    stack_teacher_scores,
)
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.length_buckets import bucket_by_length, restore_order, tokenise
from odqa.training.model.base_encoder import base_encoder
from odqa.training.model.lora import attach, extract
from odqa.training.recipes import Part
from odqa.training.tasks.base import CandidateRankingTask, TrainedModel
from odqa.training.tasks.losses import distillation, listwise
from odqa.types import Hit


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


class CrossEncoderTask(CandidateRankingTask):
    """BertForSequenceClassification with one logit; pooler and classifier are trained whole."""

    Settings = CrossEncoderSettings

    def build(self) -> nn.Module:
        model = base_encoder(
            "AutoModelForSequenceClassification", self.recipe.lora.encoder_dropout, num_labels=1
        )
        return attach(model, self.recipe.lora, heads=("bert.pooler.", "classifier."))

    def schedule(self) -> InstanceSchedule:
        recipe = self.recipe
        return InstanceSchedule(
            self.data, recipe.data.weights, recipe.negatives, self.schedule_length, recipe.seed
        )

    def collate(self, items: Sequence[TrainingInstance]) -> dict[str, Any]:
        pairs = [(instance.question.text, text) for instance in items for text in instance.texts]
        return {
            **self._encode(pairs),
            "retriever_scores": stack_retriever_scores(items),
            "teacher_scores": stack_teacher_scores(items),
        }

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        prior: Tensor = batch["retriever_scores"]
        settings: CrossEncoderSettings = self.settings
        scores = self._scores(model, batch).view_as(prior) + settings.prior * prior
        distilled = distillation(scores, batch["teacher_scores"], settings.temperature)
        return listwise(scores) + settings.distill * distilled

    def rank(self, model: nn.Module, labelled: LabelledQuestion, hits: Sequence[Hit]) -> list[Hit]:
        """Hits of one question in the order of logit + prior × the retriever's score."""
        texts = [self.data.passages[hit.passage_id].full_text for hit in hits]
        batch = self._encode([(labelled.question.text, text) for text in texts])
        scores = self._scores(model, batch).tolist()
        prior: float = self.settings.prior
        scored = [
            Hit(hit.passage_id, s + prior * hit.score) for hit, s in zip(hits, scores, strict=True)
        ]
        return sorted(scored, key=lambda hit: -hit.score)

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

    def _encode(self, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
        encoded = tokenise(
            self.tokenizer,
            [question for question, _ in pairs],
            [text for _, text in pairs],
            self.settings.max_length,
        )
        return dict(bucket_by_length(encoded, self.tokenizer.pad_token_id))

    def _scores(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        parts = [model(**bucket).logits[:, 0].float() for bucket in batch["buckets"]]
        return restore_order(parts, batch["order"])
