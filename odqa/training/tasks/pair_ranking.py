"""What tasks of rankers that read question and passage together have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from odqa.training.data.instances import InstanceSchedule
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.tasks.base import CandidateRankingTask
from odqa.types import Hit


class PairRankingTask(CandidateRankingTask):
    """Every question is trained on with its gold passage and negatives. Settings must have
    ``prior``, the weight of the retriever's score beside the model's."""

    @abstractmethod
    def encode(self, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Question and text of each pair as the model's batch."""

    @abstractmethod
    def scores(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        """Of what `encode` gave: float32 [pairs], without the prior."""

    def schedule(self) -> InstanceSchedule:
        recipe = self.recipe
        return InstanceSchedule(
            self.data, recipe.data.weights, recipe.negatives, self.schedule_length, recipe.seed
        )

    def rank(self, model: nn.Module, labelled: LabelledQuestion, hits: Sequence[Hit]) -> list[Hit]:
        """Hits of one question in the order of score + prior × the retriever's score."""
        texts = [self.data.passages[hit.passage_id].full_text for hit in hits]
        batch = self.encode([(labelled.question.text, text) for text in texts])
        scores = self.scores(model, batch).tolist()
        prior: float = self.settings.prior
        scored = [
            Hit(hit.passage_id, s + prior * hit.score) for hit, s in zip(hits, scores, strict=True)
        ]
        return sorted(scored, key=lambda hit: -hit.score)
