"""What tasks of models that generate answers from passages have in common."""

from __future__ import annotations

import random
from typing import ClassVar

from pydantic import Field

from odqa.training.data.reader_instances import ReaderSchedule
from odqa.training.recipes import Part
from odqa.training.tasks.answering import AnsweringTask
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


class GeneratingTask(AnsweringTask):
    """The loss is on answers; the checkpoint is chosen by greedy answers to held-out questions."""

    Settings: ClassVar[type[GeneratingSettings]] = GeneratingSettings

    def reader_schedule(self, closed_book: float = 0.0) -> ReaderSchedule:
        """Usable questions with what is read for them.

        Args:
            closed_book: share that reads nothing.

        Raises:
            DataError: no question is usable.
        """
        with_negatives = self.settings.with_negatives
        return ReaderSchedule(
            self.usable_instances(), closed_book, with_negatives, self.recipe.seed
        )

    def fitting_passages(self, count: int) -> list[Passage]:
        """At most so many gold passages of all sources, by the recipe's seed, to fit copying on."""
        ids = sorted({row.gold_id for rows in self.data.train.values() for row in rows})
        sample = random.Random(self.recipe.seed).sample(ids, min(count, len(ids)))
        return [self.data.passages[pid] for pid in sample]
