"""DPR: two encoders, in-batch and hard negatives (Karpukhin et al. 2020, section 3.2).

Both sides start from the sentence encoder: mean of the token states, unit length. Scores are
cosines times a scale; a teacher's scores can be added as a soft target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from odqa.errors import DataError
from odqa.training.data.instances import (
    InstanceSchedule,
    TrainingInstance,
    in_batch_false_negatives,
    stack_teacher_scores,
)
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.length_buckets import (
    LengthBuckets,
    bucket_by_length,
    restore_order,
    tokenise,
)
from odqa.training.data.training_data import TrainingData
from odqa.training.model.base_encoder import base_encoder
from odqa.training.model.lora import attach, extract
from odqa.training.recipes import Part, Recipe
from odqa.training.tasks.base import RankingTask, TrainedModel
from odqa.training.tasks.losses import Objective, in_batch_with_distillation
from odqa.types import Hit


class DprSettings(Part):
    """Keys of the DPR task."""

    max_length: int = Field(192, ge=16, le=1_000_000, description="Tokens per passage.")
    query_length: int = Field(48, ge=8, le=1_000_000, description="Tokens per question.")
    scale: float = Field(20.0, gt=0, description="Cosines are multiplied by this.")
    distill: float = Field(0.5, ge=0, description="Weight of what is learnt from a teacher.")
    temperature: float = Field(1.0, gt=0, description="Divides the teacher's scores.")
    objective: Objective = Field(
        "distillation",
        description="distillation: to order passages as a teacher does. marginal: the likelihood "
        "of the answer over all passages (REALM, EMDR2); the teacher's scores are log p(answer | "
        "question, passage), of odqa teach --score likelihood or span.",
    )
    labels: float = Field(
        1.0,
        ge=0,
        description="Weight of the loss by annotated passages; 0: a teacher alone is learnt from.",
    )
    evaluated: int = Field(
        20,
        ge=2,
        le=1_000_000,
        description="Held-out candidates per question that make up the pool.",
    )


class Towers(nn.Module):
    """Encoders by the side they read: two of them, or one that reads every ``text``."""

    def __init__(self, **encoders: nn.Module) -> None:
        super().__init__()
        for side, encoder in encoders.items():
            self.add_module(side, encoder)

    def forward(self, side: str, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Unit vectors of one side, float32 [texts, hidden]."""
        encoder = self.get_submodule(side)
        hidden = encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask[..., None].float()
        return F.normalize((hidden.float() * weights).sum(1) / weights.sum(1), dim=-1)


class DprTask(RankingTask):
    """Two low-rank changes of one base, one for each side."""

    Settings = DprSettings
    kind: ClassVar[str] = "dpr"
    #: What reads questions, and what reads passages.
    sides: ClassVar[tuple[str, str]] = ("question", "passage")

    def __init__(self, recipe: Recipe, data: TrainingData) -> None:
        super().__init__(recipe, data)
        _check_teacher(self.settings, recipe, data)

    def build(self) -> nn.Module:
        dropout = self.recipe.lora.encoder_dropout
        encoders = {
            side: base_encoder("AutoModel", dropout, add_pooling_layer=False)
            for side in dict.fromkeys(self.sides)
        }
        return attach(Towers(**encoders), self.recipe.lora)

    def schedule(self) -> InstanceSchedule:
        recipe = self.recipe
        return InstanceSchedule(
            self.data, recipe.data.weights, recipe.negatives, self.schedule_length, recipe.seed
        )

    def collate(self, items: Sequence[TrainingInstance]) -> dict[str, Any]:
        questions = [instance.question.text for instance in items]
        passages = [text for instance in items for text in instance.texts]
        return {
            "questions": self._encode(questions, self.settings.query_length),
            "passages": self._encode(passages, self.settings.max_length),
            "excluded": in_batch_false_negatives(items),
            "teacher_scores": stack_teacher_scores(items),
        }

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        question_side, passage_side = self.sides
        questions = self._vectors(model, question_side, batch["questions"])
        passages = self._vectors(model, passage_side, batch["passages"])
        scores = self.settings.scale * (questions @ passages.T).float()
        return in_batch_with_distillation(
            scores,
            batch["excluded"],
            batch["teacher_scores"],
            weight=self.settings.distill,
            temperature=self.settings.temperature,
            objective=self.settings.objective,
            labels=self.settings.labels,
        )

    def rank_all(
        self, model: nn.Module, questions: Sequence[LabelledQuestion], depth: int
    ) -> dict[str, list[Hit]]:
        found: dict[str, list[Hit]] = {}
        for source in dict.fromkeys(labelled.source for labelled in questions):
            rows = [labelled for labelled in questions if labelled.source == source]
            pool = {labelled.gold_id for labelled in rows}
            for labelled in rows:
                hits = self.data.candidates.get(labelled.question.id, [])[:depth]
                pool |= {hit.passage_id for hit in hits}
            found |= self.search(model, rows, sorted(pool), depth)
        return found

    def search(
        self, model: nn.Module, questions: Sequence[LabelledQuestion], ids: Sequence[str], k: int
    ) -> dict[str, list[Hit]]:
        """The best ``k`` of the passages ``ids`` for each question, exact."""
        question_side, passage_side = self.sides
        passages = self._encode(
            [self.data.passages[pid].full_text for pid in ids], self.settings.max_length
        )
        passage_vectors = self._vectors(model, passage_side, passages)
        encoded = self._encode(
            [labelled.question.text for labelled in questions], self.settings.query_length
        )
        question_vectors = self._vectors(model, question_side, encoded)
        with torch.autocast(question_vectors.device.type, enabled=False):
            best = (question_vectors @ passage_vectors.T).topk(min(k, len(ids)), dim=1)
        return {
            labelled.question.id: [Hit(ids[i], s) for i, s in zip(rows, scores, strict=True)]
            for labelled, rows, scores in zip(
                questions, best.indices.tolist(), best.values.tolist(), strict=True
            )
        }

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        tensors = extract(model)
        return {
            self._name(side): TrainedModel(
                {
                    name.removeprefix(f"{side}."): tensor
                    for name, tensor in tensors.items()
                    if name.startswith(f"{side}.")
                },
                {"kind": self.kind, "prefix": "", "max_length": self.settings.max_length},
                prefix=f"{side}.",
            )
            for side in dict.fromkeys(self.sides)
        }

    def _name(self, side: str) -> str:
        return f"{self.recipe.name}-{side}"

    def _encode(self, texts: Sequence[str], max_length: int) -> LengthBuckets:
        encoded = tokenise(self.tokenizer, texts, None, max_length)
        encoded.pop("token_type_ids", None)
        return bucket_by_length(encoded, self.tokenizer.pad_token_id)

    def _vectors(self, model: nn.Module, side: str, encoded: LengthBuckets) -> Tensor:
        parts = [model(side, **bucket) for bucket in encoded["buckets"]]
        return restore_order(parts, encoded["order"])


def _check_teacher(settings: DprSettings, recipe: Recipe, data: TrainingData) -> None:
    """Refuse a training that would learn nothing from its teacher, or something else.

    Raises:
        DataError: no training question has a teacher's scores and they are all that counts, or the
            objective needs log-likelihoods and they are none.
    """
    needed = settings.labels == 0 or settings.objective == "marginal"
    scores = [
        data.teacher_scores[labelled.question.id]
        for source, weight in recipe.data.weights.items()
        for labelled in data.train.get(source, [])
        if weight > 0 and labelled.question.id in data.teacher_scores
    ]
    where = ", ".join(str(path) for path in recipe.data.teacher) or "data.teacher"
    if needed and not (scores and settings.distill > 0):
        raise DataError(
            "a teacher is to be learnt from (settings.labels, settings.objective), and there is "
            + ("none of any training question" if not scores else "no weight for it"),
            where=where,
            cure="name the run that odqa teach writes in data.teacher, with settings.distill above "
            "0",
        )
    if settings.objective == "marginal" and max(map(_highest, scores)) > 0:
        raise DataError(
            "has scores above 0, which are no logarithms of probabilities",
            where=where,
            cure="for settings.objective: marginal write it with odqa teach --score likelihood "
            "or span",
        )


def _highest(scores: Mapping[str, float]) -> float:
    return max(scores.values(), default=0.0)
