"""Which questions several pipelines get right together, one has alone, and none has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

from odqa.comparison.verdict import deciding_metric
from odqa.errors import RunError
from odqa.html_view import html_table
from odqa.metrics.statistics.kappa import cohens_kappa

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.data import ComparisonData


@dataclass(frozen=True)
class Overlap:
    """Questions by who has them right: those where ``metric`` is 1.

    ``right``: pipeline -> question id -> whether it is right; the same questions for all.
    """

    metric: str
    right: Mapping[str, Mapping[str, bool]]

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Question id -> how many pipelines are right."""
        columns = self.right.values()
        return {q: sum(column[q] for column in columns) for q in next(iter(columns))}

    @property
    def any_right(self) -> float:
        """Share of questions that at least one pipeline has: what choosing the best would reach."""
        return self._share(lambda count: count > 0)

    @property
    def all_right(self) -> float:
        """Share of questions that every pipeline has."""
        return self._share(lambda count: count == len(self.right))

    def only(self, pipeline: str) -> list[str]:
        """Ids of the questions that this pipeline has and no other."""
        return [q for q, right in self.right[pipeline].items() if right and self.counts[q] == 1]

    def frame(self) -> pd.DataFrame:
        """One row a pipeline: share right, questions it alone has, and those it alone has not."""
        import pandas as pd

        rows = [
            {
                "pipeline": name,
                self.metric: sum(column.values()) / len(column),
                "only this": len(self.only(name)),
                "all but this": sum(
                    not right and self.counts[q] == len(self.right) - 1
                    for q, right in column.items()
                ),
            }
            for name, column in self.right.items()
        ]
        return pd.DataFrame(rows).set_index("pipeline")

    def agreement(self) -> pd.DataFrame:
        """Cohen's kappa of being right, pair by pair: 1 where both have the same questions."""
        import pandas as pd

        names = list(self.right)
        frame = pd.DataFrame(1.0, index=names, columns=names)
        for one, other in combinations(names, 2):
            columns = [list(self.right[name].values()) for name in (one, other)]
            frame.loc[one, other] = frame.loc[other, one] = cohens_kappa(*columns)
        return frame

    def __str__(self) -> str:
        return (
            f"{self.metric}, {len(self.counts)} questions: any pipeline right "
            f"{self.any_right:.3f}, all right {self.all_right:.3f}"
        )

    def _repr_html_(self) -> str:
        frame = self.frame()
        rows = [
            (name, f"{row.iloc[0]:.3f}", *map(int, row.iloc[1:])) for name, row in frame.iterrows()
        ]
        return html_table(("pipeline", *frame.columns), rows, str(self))

    def _share(self, condition: Callable[[int], bool]) -> float:
        return sum(map(condition, self.counts.values())) / len(self.counts)


def overlap(comparison: ComparisonData, metric: str | None = None) -> Overlap:
    """Who has which questions right.

    Args:
        metric: by default the deciding one. A question counts where all pipelines have a value.

    Raises:
        RunError: no question has a value of it in every pipeline that has the metric.
    """
    metric = metric or deciding_metric(comparison) or "em"
    values = {
        name: comparison.by_question[name, metric]
        for name in comparison.pipelines
        if (name, metric) in comparison.by_question
    }
    shared = [
        q.id for q in comparison.questions if values and all(q.id in v for v in values.values())
    ]
    if not shared:
        raise RunError(f"no question has '{metric}' in all pipelines", where=comparison.name)
    return Overlap(metric, {name: {q: v[q] == 1.0 for q in shared} for name, v in values.items()})
