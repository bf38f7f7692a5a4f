"""The result of a comparison: one object, several renderings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from odqa.comparison.data import ComparisonData
from odqa.escapes import one_line, visible
from odqa.metrics.statistics.resampling import SEED

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.all_pairs import AllPairs
    from odqa.comparison.by_set import BySet
    from odqa.comparison.choice import Choice
    from odqa.comparison.effects import Effects
    from odqa.comparison.overlap import Overlap
    from odqa.comparison.trace import QuestionTrace


@dataclass(frozen=True, repr=False)
class Comparison(ComparisonData):
    """Pipelines over one question set, with the views of them that a notebook wants."""

    @cached_property
    def _effects(self) -> dict[str | None, Effects]:
        """Every view asks for the same effects."""
        return {}

    def table(self) -> pd.DataFrame:
        """Quality with confidence intervals and costs: one row a pipeline."""
        from odqa.comparison.table import table

        return table(self)

    def verdict(self, metric: str | None = None) -> str:
        """Which pipeline is better, by how much and how sure, in one sentence.

        Args:
            metric: by default the first of em, ranked_mrr@10 … that was measured.
        """
        from odqa.comparison.verdict import verdict

        return verdict(self, metric)

    def losses(self, by: Literal["outcome", "stage"] = "outcome") -> pd.DataFrame:
        """How many questions had which outcome, or how many each stage lost."""
        from odqa.comparison.frames import outcome_frame, stage_loss_frame

        return outcome_frame(self) if by == "outcome" else stage_loss_frame(self)

    def stages(self) -> pd.DataFrame:
        """Costs of every stage of every pipeline, as numbers."""
        from odqa.comparison.frames import stage_frame

        return stage_frame(self)

    def tests(self) -> pd.DataFrame:
        """Every paired test against the baseline, as numbers."""
        from odqa.comparison.frames import paired_frame

        return paired_frame(self)

    def map(self) -> pd.DataFrame:
        """Every compared stage by its place on the map of paradigms, with quality and own costs."""
        from odqa.comparison.paradigms import map_frame

        return map_frame(self)

    def pairs(self, metric: str | None = None) -> AllPairs:
        """Every pipeline against every other on one metric, by default the deciding one.

        Raises:
            RunError: fewer than two pipelines have it.
        """
        from odqa.comparison.all_pairs import all_pairs

        return all_pairs(self, metric)

    def by_set(self, metric: str | None = None) -> BySet:
        """Means by question set, their average, and whether the order of pipelines holds.

        Raises:
            RunError: the comparison has one question set only.
        """
        from odqa.comparison.by_set import by_set

        return by_set(self, metric)

    def effects(self, metric: str | None = None) -> Effects:
        """What changing one factor of a grid buys, at which cost, on average over the others.

        Raises:
            RunError: the pipelines are those of no grid, or have no common metric.
        """
        from odqa.comparison.effects import effects

        if metric not in self._effects:
            self._effects[metric] = effects(self, metric)
        return self._effects[metric]

    def choice(self, metric: str | None = None, seed: int = SEED) -> Choice:
        """The best pipeline, chosen on one half of the questions and judged on the other.

        Raises:
            RunError: there are too few pipelines or questions to choose.
        """
        from odqa.comparison.choice import choice

        return choice(self, metric, seed)

    def overlap(self, metric: str | None = None) -> Overlap:
        """Which questions several pipelines have right, one alone, or none.

        Raises:
            RunError: no question has a value of the metric in all pipelines.
        """
        from odqa.comparison.overlap import overlap

        return overlap(self, metric)

    def diff(self, a: str, b: str, metric: str = "em") -> pd.DataFrame:
        """The questions on which two pipelines differ, and the stage that lost each."""
        from odqa.comparison.diff import diff

        return diff(self, a, b, metric)

    def trace(self, question_id: str) -> QuestionTrace:
        """One question through all pipelines, side by side."""
        from odqa.comparison.trace import trace

        return trace(self, question_id)

    def save(self, folder: Path | str) -> None:
        """Write a run folder, whole or not at all, from which `load` reads it back.

        Raises:
            RunError: the folder cannot be written, or holds files of another kind.
        """
        from odqa.comparison.folder import save

        save(self, Path(folder))

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a finished run folder.

        Raises:
            RunError: no run folder, unfinished, damaged, or one that leads out of itself.
        """
        from odqa.comparison.folder import load

        data = load(Path(folder))
        return cls(**{field.name: getattr(data, field.name) for field in fields(data)})

    def __repr__(self) -> str:
        pipelines = ", ".join(self.pipelines)
        return (
            f"<Comparison {one_line(self.name)} of {pipelines}: {len(self.questions):,} questions>"
        )

    def __str__(self) -> str:
        return visible(f"{self.verdict()}\n\n{self.table().T.to_string(max_colwidth=30)}")

    def _repr_html_(self) -> str:
        from odqa.comparison.table import table_html

        return table_html(self.table(), self.verdict())
