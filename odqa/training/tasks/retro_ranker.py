"""RETRO ranker: listwise loss over the gold passage and hard negatives, and a teacher's order.

With a ``prior`` the model learns what the retriever's score does not say, for a ranker whose
``alpha`` is that prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from odqa.checkpoints.base_model import base_model_dir
from odqa.progress import progress
from odqa.retro.create.grow import (
    CrossStart,
    RetroShape,
    grow_retro,
)
from odqa.retro.model.layouts import (
    LayoutName,
    frame_questions,
    pad_passages,
)
from odqa.retro.model.model import RetroModel
from odqa.retro.model.ranking_settings import (
    RankingSettings,
    ReadOut,
)
from odqa.retro.rank.scores import (
    read_out,
    score_encoded,
)
from odqa.retro.rank.shared_prefix import (
    encode_candidates,
    share_prefix,
)
from odqa.retro.rank.similarity import (
    encode_questions,
    similarities,
)
from odqa.training.data.instances import (
    InstanceSchedule,
    TrainingInstance,
    stack_retriever_scores,
    stack_teacher_scores,
)
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.model.lora import RETRO_LAYERS, attach, extract
from odqa.training.recipes import Part
from odqa.training.tasks.base import CandidateRankingTask, TrainedModel
from odqa.training.tasks.losses import distillation, listwise
from odqa.types import Hit, Question

# Beside low-rank changes of all layers: the head, and the norms and gates of cross-attention.
_WHOLE = (".cross.norm.", ".cross.source_norm.", ".cross.gate.", "score_head.")


class RetroRankerSettings(Part):
    """Keys of the RETRO ranker task."""

    layout: LayoutName = Field("echo", description="Where the question stands.")
    cross_layers: tuple[int, ...] = Field((2, 4, 6), description="Decoder layers with CCA.")
    conditioned_layers: tuple[int, ...] = Field(
        (), description="Encoder layers that see the question; none: encodings precomputable."
    )
    gates: tuple[float, float] = Field(
        (0.5, 0.3), description="Openings (before tanh) that both cross-attentions start with."
    )
    cross_start: CrossStart = Field(
        "self-attention",
        description="Projections that cross-attention starts with: its layer's self-attention, or "
        "the identity, by which equal words find each other from the first step on.",
    )
    chunk_length: int = Field(32, ge=2, le=1_000_000, description="Tokens of a chunk (m).")
    max_length: int = Field(
        160, ge=16, le=1_000_000, description="Tokens of a passage (r), the rest is cut."
    )
    readout: ReadOut = Field("last", description="Final states that the head reads: last or mean.")
    similarity: float = Field(20.0, ge=0, description="Weight of the mean encodings' cosine.")
    head_alone: float = Field(
        0.0,
        ge=0,
        description="Weight of a loss on the head without similarity and prior, beside which it "
        "would learn only what those leave over.",
    )
    prior: float = Field(0.0, ge=0, description="Weight of the retriever's score beside the score.")
    distillation: float = Field(1.0, ge=0, description="Weight of the teacher's order.")
    temperature: float = Field(1.0, gt=0, description="Divides the teacher's scores.")
    evaluated: int = Field(
        20, ge=2, le=1_000_000, description="Candidates ranked per held-out question."
    )
    per_forward: int = Field(
        10, ge=1, le=65_536, description="Of those, how many go through together."
    )


class RetroRankerTask(CandidateRankingTask):
    """A RETRO model grown from the base model, with a scoring head."""

    Settings = RetroRankerSettings

    def build(self) -> nn.Module:
        model = grow_retro(base_model_dir(), self._shape)
        trained_parts = [
            name for name, _ in model.named_parameters() if any(p in name for p in _WHOLE)
        ]
        return attach(model, self.recipe.lora, heads=trained_parts, targets=RETRO_LAYERS)

    def schedule(self) -> InstanceSchedule:
        recipe = self.recipe
        return InstanceSchedule(
            self.data, recipe.data.weights, recipe.negatives, self.schedule_length, recipe.seed
        )

    def collate(self, items: Sequence[TrainingInstance]) -> dict[str, Any]:
        questions = [instance.question.text for instance in items]
        batch = self._batch(questions, [instance.texts for instance in items])
        batch["teacher_scores"] = stack_teacher_scores(items)
        batch["retriever_scores"] = stack_retriever_scores(items)
        return batch

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        settings: RetroRankerSettings = self.settings
        head, similar = self._scores(model, batch)
        scores = head + similar + settings.prior * batch["retriever_scores"]
        distilled = distillation(scores, batch["teacher_scores"], settings.temperature)
        loss = listwise(scores) + settings.distillation * distilled
        return loss + settings.head_alone * listwise(head) if settings.head_alone else loss

    def rank(self, model: nn.Module, labelled: LabelledQuestion, hits: Sequence[Hit]) -> list[Hit]:
        """Hits of one question in the order of score + prior × the retriever's score."""
        return self._orders(model, labelled.question, hits)[0]

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Figures of score and prior, and of the head alone where there are other terms."""
        depth: int = self.settings.evaluated
        by_score: dict[str, list[Hit]] = {}
        by_head: dict[str, list[Hit]] = {}
        questions = [labelled.question for labelled in self.data.validation]
        for question in progress(questions, "ranking", len(questions), unit="question"):
            hits = self.data.candidates[question.id][:depth]
            by_score[question.id], by_head[question.id] = self._orders(model, question, hits)
        figures = self.figures(by_score)
        if self.settings.similarity or self.settings.prior:
            figures |= {f"head {name}": value for name, value in self.figures(by_head).items()}
        return figures

    def _orders(
        self, model: nn.Module, question: Question, hits: Sequence[Hit]
    ) -> tuple[list[Hit], list[Hit]]:
        """Hits by score and prior, and by the score of the head alone."""
        texts = [self.data.passages[hit.passage_id].full_text for hit in hits]
        # Like lengths together, so that little of a batch is padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        by_score: list[Hit] = []
        by_head: list[Hit] = []
        for start in range(0, len(order), self.settings.per_forward):
            part = order[start : start + self.settings.per_forward]
            batch = self._batch([question.text], [[texts[i] for i in part]])
            head, similar = self._scores(model, batch)
            prior = self.settings.prior * torch.tensor([hits[i].score for i in part])
            for ranked, scores in ((by_score, head + similar + prior), (by_head, head)):
                ranked += [
                    Hit(hits[i].passage_id, score)
                    for i, score in zip(part, scores[0].tolist(), strict=True)
                ]
        for ranked in (by_score, by_head):
            ranked.sort(key=lambda hit: -hit.score)
        return by_score, by_head

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        config = {
            "kind": "retro",
            "shape": self._shape.to_dict(),
            "ranking": {
                "layout": self.settings.layout,
                "similarity": self.settings.similarity,
                "readout": self.settings.readout,
            },
        }
        return {self.recipe.name: TrainedModel(extract(model), config)}

    @property
    def _shape(self) -> RetroShape:
        settings: RetroRankerSettings = self.settings
        return RetroShape(
            tuple(settings.cross_layers),
            tuple(settings.conditioned_layers),
            settings.chunk_length,
            settings.max_length,
            settings.gates,
            cross_start=settings.cross_start,
        )

    def _batch(self, questions: Sequence[str], texts: Sequence[Sequence[str]]) -> dict[str, Any]:
        """Tensors of B questions with n passages each."""
        tokenizer, settings = self.tokenizer, self.settings
        question_ids = tokenizer(
            list(questions), truncation=True, max_length=settings.chunk_length
        )["input_ids"]
        frame = frame_questions(
            [row[:-1] for row in question_ids],
            settings.layout,
            chunk_length=settings.chunk_length,
            score_token=tokenizer.sep_token_id,
            prompt=tokenizer(RankingSettings().prompt)["input_ids"],
        )
        passage_ids = tokenizer(
            [text for row in texts for text in row],
            truncation=True,
            max_length=settings.max_length,
        )["input_ids"]
        ids, mask = pad_passages(passage_ids, length=settings.max_length)
        plain_ids, plain_mask = pad_passages(question_ids, length=settings.chunk_length)
        shape = (len(questions), -1, ids.shape[1])
        arrays = {
            "ids": frame.ids,
            "mask": frame.mask,
            "scored": frame.scored,
            "candidates": ids.reshape(shape),
            "candidate_mask": mask.reshape(shape),
            "plain_ids": plain_ids,
            "plain_mask": plain_mask,
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _scores(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """The head's scores and the weighted similarities, each float32 [B, n]."""
        assert isinstance(model, RetroModel)
        shared = share_prefix(model, batch["ids"], batch["mask"])
        ids, mask = batch["candidates"], batch["candidate_mask"]
        weight: float = self.settings.similarity
        encoded = encode_candidates(model, shared, ids, mask)
        size = batch["ids"].shape[1] - shared.start
        scored = read_out(batch["scored"], size, self.settings.readout)
        head = score_encoded(model, shared, encoded, mask, scored).float()
        if not weight:
            return head, torch.zeros_like(head)
        questions = encode_questions(model, batch["plain_ids"], batch["plain_mask"])
        return head, weight * similarities(questions, encoded, mask).float()
