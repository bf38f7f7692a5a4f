"""The result of a comparison: one object, several renderings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Self

from odqa.comparison.data import ComparisonData

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.trace import QuestionTrace


@dataclass(frozen=True)
class Comparison(ComparisonData):
    """Pipelines over one question set, with the views of them that a notebook wants."""

    def table(self) -> pd.DataFrame:
        """Quality with confidence intervals and costs: one row a pipeline."""
        from odqa.comparison.table import table

        return table(self)

    def stages(self) -> pd.DataFrame:
        """Costs of every stage of every pipeline, as numbers."""
        from odqa.comparison.frames import stage_frame

        return stage_frame(self)

    def tests(self) -> pd.DataFrame:
        """Every paired test against the baseline, as numbers."""
        from odqa.comparison.frames import paired_frame

        return paired_frame(self)

    def diff(self, a: str, b: str, metric: str = "em") -> pd.DataFrame:
        """The questions on which two pipelines differ, and the stage that lost each."""
        from odqa.comparison.diff import diff

        return diff(self, a, b, metric)

    def trace(self, question_id: str) -> QuestionTrace:
        """One question through all pipelines, side by side."""
        from odqa.comparison.trace import trace

        return trace(self, question_id)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a finished run folder.

        Raises:
            RunError: no run folder, unfinished, or damaged.
        """
        from odqa.comparison.folder import load

        data = load(Path(folder))
        return cls(**{field.name: getattr(data, field.name) for field in fields(data)})

    def _repr_html_(self) -> str:
        return str(self.table().to_html())
