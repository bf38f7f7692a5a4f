"""Retrievers that encode questions and passages apart, by one model of words: DSSM and SNRM."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from odqa.training.data.instances import InstanceSchedule, TrainingInstance
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.recipes import Part
from odqa.training.tasks.word_model import WordModelTask
from odqa.types import Hit


class WordRetrieverSettings(Part):
    """Keys that they have in common."""

    evaluated: int = Field(
        20,
        ge=2,
        le=1_000_000,
        description="Held-out candidates per question that make up the pool.",
    )


class WordRetrieverTask(WordModelTask):
    """A model of texts; each question has its own passages, one gold and its negatives."""

    @abstractmethod
    def inputs(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Arguments of the model for texts."""

    def schedule(self) -> InstanceSchedule:
        recipe = self.recipe
        return InstanceSchedule(
            self.data, recipe.data.weights, recipe.negatives, self.schedule_length, recipe.seed
        )

    def collate(self, items: Sequence[TrainingInstance]) -> dict[str, Any]:
        return {
            "questions": self.inputs([instance.question.text for instance in items]),
            "passages": self.inputs([text for instance in items for text in instance.texts]),
        }

    def vectors(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Questions [n, dim] and their own passages [n, m, dim], gold first."""
        questions, passages = model(**batch["questions"]), model(**batch["passages"])
        return questions, passages.view(len(questions), -1, passages.shape[-1])

    def rank_all(
        self, model: nn.Module, questions: Sequence[LabelledQuestion], depth: int
    ) -> dict[str, list[Hit]]:
        pool = {labelled.gold_id for labelled in questions}
        for labelled in questions:
            hits = self.data.candidates.get(labelled.question.id, [])[:depth]
            pool |= {hit.passage_id for hit in hits}
        ids = sorted(pool)
        passages = model(**self.inputs([self.data.passages[pid].full_text for pid in ids]))
        vectors = model(**self.inputs([labelled.question.text for labelled in questions]))
        best = (vectors @ passages.T).topk(min(depth, len(ids)), dim=1)
        return {
            labelled.question.id: [Hit(ids[i], s) for i, s in zip(rows, scores, strict=True)]
            for labelled, rows, scores in zip(
                questions, best.indices.tolist(), best.values.tolist(), strict=True
            )
        }
