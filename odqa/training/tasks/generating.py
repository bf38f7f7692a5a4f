"""What tasks of models that generate answers from passages have in common."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import ClassVar

from odqa.training.data.answer_spans import find_answers
from odqa.training.data.instances import InstanceSchedule
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.reader_instances import ReaderSchedule
from odqa.training.tasks.base import Task
from odqa.types import Passage


class GeneratingTask(Task):
    """Settings must have ``evaluated``, the candidates read per held-out question."""

    metric: ClassVar[str] = "F1"

    def answerable(self, with_negatives: float) -> ReaderSchedule:
        """Questions whose gold passage holds an accepted answer, with what is read for them.

        Args:
            with_negatives: share that reads negatives beside the gold passage.
        """
        recipe = self.recipe
        usable = {
            source: [
                row
                for row in rows
                if find_answers(self.data.passages[row.gold_id].text, row.question.answers)
            ]
            for source, rows in self.data.train.items()
        }
        instances = InstanceSchedule(
            replace(self.data, train=usable),
            recipe.data.weights,
            recipe.negatives,
            self.schedule_length,
            recipe.seed,
        )
        return ReaderSchedule(instances, 0.0, with_negatives, recipe.seed)

    def candidates(self, labelled: LabelledQuestion) -> list[Passage]:
        """The best passages of a held-out question; where none is known, its gold passage."""
        hits = self.data.candidates.get(labelled.question.id, [])
        ids = [hit.passage_id for hit in hits[: self.settings.evaluated]] or [labelled.gold_id]
        return [self.data.passages[pid] for pid in ids]

    def fitting_passages(self, count: int) -> list[Passage]:
        """At most so many gold passages of all sources, by the recipe's seed, to fit copying on."""
        ids = sorted({row.gold_id for rows in self.data.train.values() for row in rows})
        sample = random.Random(self.recipe.seed).sample(ids, min(count, len(ids)))
        return [self.data.passages[pid] for pid in sample]
