"""DPR: two encoders, in-batch and hard negatives (Karpukhin et al. 2020, section 3.2).

Both sides start from the sentence encoder: mean of the token states, unit length. Scores are
cosines times a scale; a teacher's scores can be added as a soft target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from odqa.metrics.has_answer import has_answer
from odqa.training.data.instances import Group, GroupSchedule, teacher_scores
from odqa.training.data.length_buckets import Chunks, chunked, restored, tokenised
from odqa.training.data.training_data import Example
from odqa.training.model.base_encoder import base_encoder
from odqa.training.model.lora import attach, extract
from odqa.training.recipes import Part
from odqa.training.tasks.base import RankingTask, Trained
from odqa.training.tasks.losses import in_batch_taught
from odqa.types import Hit


class DprSettings(Part):
    """Keys of the DPR task."""

    max_length: int = Field(192, ge=16, description="Tokens per passage.")
    query_length: int = Field(48, ge=8, description="Tokens per question.")
    scale: float = Field(20.0, gt=0, description="Cosines are multiplied by this.")
    distill: float = Field(0.5, ge=0, description="Weight of the distillation loss.")
    temperature: float = Field(1.0, gt=0, description="Divides the teacher's scores.")
    evaluated: int = Field(
        20, ge=2, description="Held-out candidates per question that make up the pool."
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

    def build(self) -> nn.Module:
        dropout = self.recipe.lora.encoder_dropout
        encoders = {
            side: base_encoder("AutoModel", dropout, add_pooling_layer=False)
            for side in dict.fromkeys(self.sides)
        }
        return attach(Towers(**encoders), self.recipe.lora)

    def schedule(self) -> GroupSchedule:
        recipe = self.recipe
        return GroupSchedule(
            self.examples, recipe.data.weights, recipe.negatives, self.items, recipe.seed
        )

    def collate(self, items: Sequence[Group]) -> dict[str, Any]:
        passages = [passage for group in items for passage in group.passages]
        width = len(items[0].passages)
        excluded = torch.tensor(
            [
                [
                    column // width != row
                    and (
                        passage.id == group.passages[0].id
                        or has_answer(passage.full_text, group.question.answers)
                    )
                    for column, passage in enumerate(passages)
                ]
                for row, group in enumerate(items)
            ]
        )
        return {
            "questions": self._encode(
                [group.question.text for group in items], self.settings.query_length
            ),
            "passages": self._encode([p.full_text for p in passages], self.settings.max_length),
            "excluded": excluded,
            "teacher": teacher_scores(items),
        }

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        question, passage = self.sides
        questions = self._vectors(model, question, batch["questions"])
        passages = self._vectors(model, passage, batch["passages"])
        scores = self.settings.scale * (questions @ passages.T).float()
        return in_batch_taught(
            scores,
            batch["excluded"],
            batch["teacher"],
            weight=self.settings.distill,
            temperature=self.settings.temperature,
        )

    def rank_all(
        self, model: nn.Module, examples: Sequence[Example], depth: int
    ) -> dict[str, list[Hit]]:
        pool = {example.gold for example in examples}
        for example in examples:
            found = self.examples.candidates.get(example.question.id, [])[:depth]
            pool |= {hit.passage_id for hit in found}
        return self.search(model, examples, sorted(pool), depth)

    def search(
        self, model: nn.Module, examples: Sequence[Example], ids: Sequence[str], k: int
    ) -> dict[str, list[Hit]]:
        """The best ``k`` of the passages ``ids`` for each question, exact."""
        texts = [self.examples.passages[pid].full_text for pid in ids]
        question, passage = self.sides
        passages = self._vectors(model, passage, self._encode(texts, self.settings.max_length))
        asked = [example.question.text for example in examples]
        encoded = self._encode(asked, self.settings.query_length)
        questions = self._vectors(model, question, encoded)
        with torch.autocast(questions.device.type, enabled=False):
            best = (questions @ passages.T).topk(min(k, len(ids)), dim=1)
        return {
            example.question.id: [Hit(ids[i], s) for i, s in zip(rows, scores, strict=True)]
            for example, rows, scores in zip(
                examples, best.indices.tolist(), best.values.tolist(), strict=True
            )
        }

    def trained(self, model: nn.Module) -> dict[str, Trained]:
        tensors = extract(model)
        return {
            self._name(side): Trained(
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

    def _encode(self, texts: Sequence[str], limit: int) -> Chunks:
        encoded = tokenised(self.tokenizer, texts, None, limit)
        encoded.pop("token_type_ids", None)
        return chunked(encoded, self.tokenizer.pad_token_id)

    def _vectors(self, model: nn.Module, side: str, encoded: Chunks) -> Tensor:
        return restored([model(side, **chunk) for chunk in encoded["chunks"]], encoded["order"])
