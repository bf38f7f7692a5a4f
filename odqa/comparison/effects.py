"""Main effects and interactions of a comparison's grid, with their tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from odqa.comparison.costs import total_cost
from odqa.comparison.effect_frames import cell_frame, interaction_frame, main_frame
from odqa.comparison.factorial import Factorial, Point
from odqa.comparison.verdict import DECIDING
from odqa.errors import RunError
from odqa.html_view import html_table

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.data import ComparisonData
    from odqa.spec.factors import Grid


@dataclass(frozen=True)
class Effects(Factorial):
    """Effects of the factors of a grid on one metric, as tables too."""

    def frame(self) -> pd.DataFrame:
        """Main effects, one row a level of a factor; see `odqa.comparison.effect_frames`."""
        return main_frame(self)

    def cell_frame(self, *factors: str) -> pd.DataFrame:
        """`cells` as rows, by default of `pair`."""
        return cell_frame(self, *factors)

    def interaction_frame(self) -> pd.DataFrame:
        """`interactions` as rows."""
        return interaction_frame(self)

    def __str__(self) -> str:
        return str(self.frame().to_string())

    def _repr_html_(self) -> str:
        frame = self.frame().drop(columns=["mean low", "mean high"])
        rows = [["" if v is None or v != v else v for v in row] for row in frame.to_numpy()]
        caption = f"{self.metric}, each level averaged over the other factors"
        return html_table(tuple(frame.columns), rows, caption)


def grid_metric(comparison: ComparisonData) -> str | None:
    """The metric whose effects are shown; `None` without a grid, or where none can be.

    The first deciding metric that all pipelines of the grid have, else that two of them have: a
    grid with and without a reader is judged by its ranking.
    """
    grid = comparison.grid
    if grid is None:
        return None
    names = {m: _measured(comparison, grid, m)[0] for m in (*comparison.metrics, *DECIDING)}
    whole = (metric for metric, measured in names.items() if len(measured) == len(grid.points))
    some = (m for m, measured in names.items() if len(measured) > 1)
    metric = next(whole, None) or next(some, None)
    return None if metric is None or len(names[metric]) < 2 else metric


def _measured(
    comparison: ComparisonData, grid: Grid, metric: str
) -> tuple[tuple[str, ...], list[str]]:
    """Pipelines of the grid that have a metric, and the questions for which all of them do."""
    names = tuple(name for name in grid.points if (name, metric) in comparison.by_question)
    by_name = [comparison.by_question[name, metric] for name in names]
    return names, [q.id for q in comparison.questions if all(q.id in v for v in by_name)]


def effects(comparison: ComparisonData, metric: str | None = None) -> Effects:
    """Effects of the factors of a comparison's grid.

    Args:
        metric: by default the first deciding one that all pipelines of the grid have.

    Raises:
        RunError: the pipelines are those of no grid, or fewer than two of them have the metric for
            the same questions.
    """
    grid = comparison.grid
    if grid is None:
        cure = "compare with --grid KEY=[VALUE, …], or a benchmark with grid"
        raise RunError("its pipelines are those of no grid", where=comparison.name, cure=cure)
    metric = metric or grid_metric(comparison) or "em"
    names, ids = _measured(comparison, grid, metric)
    if len(names) < 2 or not ids:
        what = f"'{metric}' was measured of {len(names)} pipelines on {len(ids)} common questions"
        raise RunError(what, where=comparison.name, cure="name another metric")
    by_name = [comparison.by_question[name, metric] for name in names]
    points: Mapping[str, Point] = {name: grid.points[name] for name in names}
    n = len(comparison.questions)
    return Effects(
        metric,
        replace(grid, points=points),
        names,
        len(ids),
        np.array([[values[key] for values in by_name] for key in ids]),
        tuple(total_cost(comparison.pipelines[name].costs, n) for name in names),
    )
