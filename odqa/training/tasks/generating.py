"""What tasks of models that generate answers from passages have in common."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from odqa.errors import DataError
from odqa.training.data.answer_spans import find_answers
from odqa.training.data.instances import InstanceSchedule
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.reader_instances import ReaderSchedule
from odqa.training.recipes import Part
from odqa.training.tasks.base import Task
from odqa.types import Passage


class GeneratingSettings(Part):
    """Keys that all of them have."""

    with_negatives: float = Field(
        0.5, ge=0, le=1, description="Share of items that read negatives beside the gold passage."
    )
    pointing: float = Field(
        1.0,
        ge=0,
        description="Weight of what the last attention to passages loses where it should look: at "
        "the places of the answer, and where its end is copied from.",
    )
    strength: float = Field(12.0, gt=0, description="Of the first state of copying.")
    sharpness: float = Field(400.0, gt=0, description="Of the first state of copying.")
    evaluated: int = Field(
        3,
        ge=1,
        le=1_000_000,
        description="Candidates read per held-out question; the gold passage if none is.",
    )
    per_forward: int = Field(
        5, ge=1, le=65_536, description="Held-out questions answered together."
    )


class GeneratingTask(Task):
    """The loss is on answers; the checkpoint is chosen by greedy answers to held-out questions."""

    Settings: ClassVar[type[GeneratingSettings]] = GeneratingSettings
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

    def reader_schedule(self, closed_book: float = 0.0) -> ReaderSchedule:
        """Usable questions with what is read for them.

        Args:
            closed_book: share that reads nothing.

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
        instances = InstanceSchedule(
            replace(self.data, train=usable),
            recipe.data.weights,
            recipe.negatives,
            self.schedule_length,
            recipe.seed,
        )
        return ReaderSchedule(instances, closed_book, self.settings.with_negatives, recipe.seed)

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
