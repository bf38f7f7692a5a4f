"""Rankers over word vectors: pairs of a question and a passage, and a pairwise or listwise loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field
from torch import Tensor, nn

from odqa.training.data.instances import (
    InstanceSchedule,
    TrainingInstance,
    stack_retriever_scores,
)
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.recipes import Part
from odqa.training.tasks.base import CandidateRankingTask
from odqa.training.tasks.losses import listwise, pairwise_hinge
from odqa.training.tasks.word_model import WordModelTask
from odqa.types import Hit
from odqa.word_models.vectors import padded_ids


class WordRankerSettings(Part):
    """Keys that rankers over word vectors have in common."""

    dim: int = Field(256, ge=1, le=384, description="Width of the word vectors.")
    loss: Literal["hinge", "listwise"] = Field(
        "hinge", description="Pairwise hinge, as in the papers, or softmax over the passages."
    )
    margin: float = Field(1.0, gt=0, description="By which the hinge wants gold to be ahead.")
    scale: float = Field(
        1.0, gt=0, description="What scores are multiplied by before the listwise softmax."
    )
    prior: float = Field(
        0.0, ge=0, description="Weight of the retriever's score beside the model's."
    )
    evaluated: int = Field(
        20, ge=2, le=1_000_000, description="Candidates ranked per held-out question."
    )


class WordRankerTask(WordModelTask, CandidateRankingTask):
    """A ranker whose model scores [questions, passages] from word ids."""

    def schedule(self) -> InstanceSchedule:
        recipe = self.recipe
        return InstanceSchedule(
            self.data, recipe.data.weights, recipe.negatives, self.schedule_length, recipe.seed
        )

    def collate(self, items: Sequence[TrainingInstance]) -> dict[str, Any]:
        texts = [text for instance in items for text in instance.texts]
        batch = self._encode([instance.question.text for instance in items], texts)
        return {**batch, "retriever_scores": stack_retriever_scores(items)}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        prior = batch.pop("retriever_scores")
        settings: WordRankerSettings = self.settings
        scores = model(**batch) + settings.prior * prior
        if settings.loss == "hinge":
            return pairwise_hinge(scores, settings.margin)
        return listwise(settings.scale * scores)

    def rank(self, model: nn.Module, labelled: LabelledQuestion, hits: Sequence[Hit]) -> list[Hit]:
        """Hits of one question in the order of score + prior × the retriever's score."""
        if not hits:
            return []
        texts = [self.data.passages[hit.passage_id].full_text for hit in hits]
        scores = model(**self._encode([labelled.question.text], texts))[0].tolist()
        prior: float = self.settings.prior
        scored = [
            Hit(hit.passage_id, s + prior * hit.score) for hit, s in zip(hits, scores, strict=True)
        ]
        return sorted(scored, key=lambda hit: -hit.score)

    def _encode(self, questions: Sequence[str], texts: Sequence[str]) -> dict[str, Tensor]:
        question_ids, question_mask = padded_ids(self.words.ids(questions))
        passage_ids, passage_mask = padded_ids(self.words.ids(texts))
        shape = (len(questions), len(texts) // len(questions), -1)
        return {
            "question_ids": question_ids[:, None],
            "question_mask": question_mask[:, None],
            "passage_ids": passage_ids.view(shape),
            "passage_mask": passage_mask.view(shape),
        }


class WordRanker(nn.Module):
    """Word vectors and the layers that score them, for training."""

    @abstractmethod
    def forward(
        self, question_ids: Tensor, question_mask: Tensor, passage_ids: Tensor, passage_mask: Tensor
    ) -> Tensor:
        """Scores [questions, passages] of questions [n, 1, q] and passages [n, m, p]."""
