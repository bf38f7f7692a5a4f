"""What tasks of models that answer from passages have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from odqa.errors import DataError
from odqa.training.data.answer_spans import find_answers
from odqa.training.data.instances import InstanceSchedule
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.tasks.base import Task
from odqa.types import Passage


class AnsweringTask(Task):
    """Trained on questions whose gold passage holds an accepted answer; the checkpoint is chosen by
    answers to held-out questions. Settings must have ``evaluated``, the candidates read for each.
    """

    metric: ClassVar[str] = "F1"
    #: What is said where no question is usable: what is wrong, and what to do.
    none_usable: ClassVar[tuple[str, str]] = (
        "no question has an accepted answer in its gold passage",
        "name other questions or qrels",
    )

    def is_usable(self, labelled: LabelledQuestion) -> bool:
        """Whether a question can be trained on: its gold passage holds an accepted answer."""
        gold = self.data.passages[labelled.gold_id]
        return bool(find_answers(gold.text, labelled.question.answers))

    def usable_instances(self) -> InstanceSchedule:
        """Gold passage and negatives of usable questions.

        Raises:
            DataError: no question is usable.
        """
        recipe = self.recipe
        usable = {
            source: [row for row in rows if self.is_usable(row)]
            for source, rows in self.data.train.items()
            if recipe.data.weights.get(source, 0) > 0
        }
        if not any(usable.values()):
            raise DataError(
                self.none_usable[0], where=f"recipe {recipe.name}", cure=self.none_usable[1]
            )
        return InstanceSchedule(
            replace(self.data, train=usable),
            recipe.data.weights,
            recipe.negatives,
            self.schedule_length,
            recipe.seed,
        )

    def candidates(self, labelled: LabelledQuestion) -> list[Passage]:
        """The best passages of a held-out question; where none is known, its gold passage."""
        hits = self.data.candidates.get(labelled.question.id, [])
        ids = [hit.passage_id for hit in hits[: self.settings.evaluated]] or [labelled.gold_id]
        return [self.data.passages[pid] for pid in ids]
