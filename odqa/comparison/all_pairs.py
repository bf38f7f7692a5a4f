"""Every pipeline against every other on one metric: differences, and who cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from odqa.comparison.verdict import SIGNIFICANT, deciding_metric
from odqa.errors import RunError
from odqa.html_view import html_table
from odqa.metrics.statistics.letters import compact_letters
from odqa.metrics.statistics.pairs import PairedComparison

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.data import ComparisonData

#: Level at which two pipelines count as different, after Holm's correction over all pairs.
LEVEL = SIGNIFICANT


@dataclass(frozen=True)
class AllPairs:
    """All pairwise tests of one metric; ``means`` has the pipelines, best first."""

    metric: str
    means: Mapping[str, float]
    tests: tuple[PairedComparison, ...]

    @cached_property
    def letters(self) -> Mapping[str, str]:
        """Pipeline -> letters; those that share one cannot be told apart at `LEVEL`."""
        different = [
            frozenset((test.baseline, test.candidate))
            for test in self.tests
            if test.p_corrected < LEVEL
        ]
        return compact_letters(list(self.means), different)

    def test(self, pipeline: str, other: str) -> tuple[PairedComparison, int]:
        """The test of two pipelines, and the sign that makes its difference pipeline - other."""
        for test in self.tests:
            if (test.candidate, test.baseline) == (pipeline, other):
                return test, 1
            if (test.baseline, test.candidate) == (pipeline, other):
                return test, -1
        raise RunError(f"no test of '{pipeline}' against '{other}'", where=self.metric)

    def frame(self) -> pd.DataFrame:
        """One row a pair, the better pipeline first.

        ``difference`` is ``better`` minus ``worse`` with its 95 % interval; ``p (Holm)`` is
        corrected over all pairs; ``needed`` is how many questions show this difference with 80 %
        power at 0.05 (NaN: none would), ``detectable`` the smallest difference that these
        questions show with 80 % power (NaN: the two never differ).
        """
        import pandas as pd

        order = list(self.means)
        rows = []
        for test in self.tests:
            better, worse = sorted((test.baseline, test.candidate), key=order.index)
            sign = 1 if test.candidate == better else -1
            ends = sorted((sign * test.interval.low, sign * test.interval.high))
            rows.append(
                {
                    "metric": self.metric,
                    "better": better,
                    "worse": worse,
                    "difference": sign * test.difference,
                    "low": ends[0],
                    "high": ends[1],
                    "p": test.p_value,
                    "p (Holm)": test.p_corrected,
                    "test": test.test,
                    "questions": test.questions,
                    "needed": test.questions_needed,
                    "detectable": test.detectable,
                }
            )
        return pd.DataFrame(rows)

    def matrix(self) -> pd.DataFrame:
        """Row minus column, with its 95 % interval, and ``*`` where the two differ."""
        import pandas as pd

        names = list(self.means)
        cells = [[self._cell(row, column) for column in names] for row in names]
        return pd.DataFrame(cells, index=names, columns=names)

    def _cell(self, row: str, column: str) -> str:
        if row == column:
            return ""
        test, sign = self.test(row, column)
        low, high = sorted((sign * test.interval.low, sign * test.interval.high))
        mark = "*" if test.p_corrected < LEVEL else ""
        return f"{sign * test.difference:+.3f} [{low:+.3f}, {high:+.3f}]{mark}"

    def _repr_html_(self) -> str:
        frame = self.matrix()
        rows = [(f"{name} ({self.letters[name]})", *values) for name, values in frame.T.items()]
        caption = (
            f"{self.metric}: row minus column with its 95 % interval; *: p < {LEVEL} (Holm, all "
            "pairs); pipelines that share a letter cannot be told apart"
        )
        return html_table(("", *frame.columns), rows, caption)


def all_pairs(comparison: ComparisonData, metric: str | None = None) -> AllPairs:
    """Tests of every pair of pipelines.

    Args:
        metric: by default the deciding one.

    Raises:
        RunError: fewer than two pipelines have it.
    """
    metric = metric or deciding_metric(comparison) or "em"
    means = {
        name: comparison.summaries[name, metric].mean
        for name in comparison.pipelines
        if (name, metric) in comparison.summaries
    }
    if len(means) < 2:
        raise RunError(
            f"'{metric}' was measured of {len(means)} pipelines, and a pair needs two",
            where=comparison.name,
            cure="name another metric",
        )
    best_first = dict(sorted(means.items(), key=lambda item: -item[1]))
    return AllPairs(metric, best_first, comparison.pair_tests(metric))
