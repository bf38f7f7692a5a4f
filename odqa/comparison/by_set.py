"""Several question sets in one comparison: means by set, their average, and whether orders hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from odqa.comparison.verdict import SIGNIFICANT, deciding_metric, listed
from odqa.errors import RunError
from odqa.html_view import html_table
from odqa.metrics.rows import MetricRow
from odqa.metrics.statistics.bootstrap import Interval, mean_interval
from odqa.metrics.statistics.holm import holm
from odqa.metrics.statistics.macro import macro_interval, macro_mean, macro_p
from odqa.metrics.statistics.pairs import PairedComparison, compare_all
from odqa.metrics.statistics.ranking import first_shares, resampled_means, tau_interval
from odqa.metrics.statistics.resampling import SEED

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from odqa.comparison.data import ComparisonData


#: How the average over all sets is called among them.
MACRO = "macro"


@dataclass(frozen=True)
class BySet:
    """One metric by pipeline and question set.

    ``values``: pipeline -> set -> values of its questions, the same questions for all pipelines.
    ``tests``: set -> every pair of pipelines on it, Holm's family being the pairs of one set.
    """

    metric: str
    baselines: tuple[str, ...]
    values: Mapping[str, Mapping[str, tuple[float, ...]]]
    tests: Mapping[str, tuple[PairedComparison, ...]]

    @cached_property
    def macro(self) -> Mapping[str, tuple[float, Interval]]:
        """Pipeline -> mean of the means of all sets, with its 95 % interval."""
        return {
            name: (macro_mean(list(sets.values())), macro_interval(list(sets.values())))
            for name, sets in self.values.items()
        }

    @cached_property
    def macro_p(self) -> Mapping[str, Mapping[str, float]]:
        """Baseline -> pipeline -> p of the macro averages of the two.

        Holm over all pairs with a baseline, two baselines being one pair.
        """
        bases = [name for name in self.baselines if name in self.values]
        pairs = [
            (base, name)
            for position, base in enumerate(bases)
            for name in self.values
            if name not in bases[: position + 1]
        ]
        raw = [
            macro_p([_minus(self.values[n][s], self.values[b][s]) for s in self.tests])
            for b, n in pairs
        ]
        table: dict[str, dict[str, float]] = {base: {} for base in bases}
        for (base, name), p in zip(pairs, holm(raw), strict=True):
            table[base][name] = p
            if name in table:
                table[name][base] = p
        return table

    @cached_property
    def rank_correlation(self) -> Mapping[tuple[str, str], float]:
        """Two sets -> Kendall's tau-b of the order of pipelines on them."""
        from scipy.stats import kendalltau

        means = {
            name: [macro_mean([sets[name]]) for sets in self.values.values()] for name in self.tests
        }
        return {
            pair: float(kendalltau(means[pair[0]], means[pair[1]]).statistic)
            for pair in combinations(self.tests, 2)
        }

    @cached_property
    def _resampled(self) -> dict[str, NDArray[np.float64]]:
        """Set, and ``macro`` -> means [draws, pipelines] over resampled questions of it."""
        means = {
            name: resampled_means(
                np.array([sets[name] for sets in self.values.values()]).T, seed=SEED + number
            )
            for number, name in enumerate(self.tests)
        }
        return {**means, MACRO: np.mean(list(means.values()), axis=0)}

    @cached_property
    def rank_intervals(self) -> Mapping[tuple[str, str], Interval]:
        """Two sets -> 95 % interval of tau, questions being resampled within their sets."""
        means = self._resampled
        return {pair: tau_interval(*map(means.__getitem__, pair)) for pair in self.rank_correlation}

    @cached_property
    def first(self) -> Mapping[str, Mapping[str, float]]:
        """Set, and ``macro`` -> pipeline -> share of resamples in which it has the highest mean."""
        return {
            name: dict(zip(self.values, map(float, first_shares(means)), strict=True))
            for name, means in self._resampled.items()
        }

    @cached_property
    def best(self) -> Mapping[str, tuple[str, ...]]:
        """Set -> the pipelines with the highest mean on it."""
        best = {}
        for name in self.tests:
            means = {pipeline: macro_mean([sets[name]]) for pipeline, sets in self.values.items()}
            highest = max(means.values())
            best[name] = tuple(p for p, mean in means.items() if mean == highest)
        return best

    def conclusion(self) -> str:
        """Whether the order of pipelines holds across the sets, in one sentence."""
        if self.reversals:
            better, worse, up, down = self.reversals[0]
            pairs = {frozenset(each[:2]) for each in self.reversals}
            more = f"; so do {len(pairs) - 1} other pairs" if len(pairs) > 1 else ""
            return (
                f"The order changes between sets: {better} is better than {worse} on {up} and "
                f"worse on {down}, both significantly{more}."
            )
        settled = "no two pipelines change places significantly"
        everywhere = set.intersection(*map(set, self.best.values()))
        if everywhere:
            names = [pipeline for pipeline in self.values if pipeline in everywhere]
            if len(names) > 1:
                return f"{listed(names)} share the best mean on every set, and {settled}."
            shares = [self.first[each][names[0]] for each in self.tests]
            return (
                f"{names[0]} is the best on every set (first in {100 * min(shares):.0f} to "
                f"{100 * max(shares):.0f} % of resamples), and {settled}."
            )
        bests = ", ".join(f"{listed(best)} on {name}" for name, best in self.best.items())
        return f"The best differs between sets ({bests}), but {settled}."

    @cached_property
    def reversals(self) -> list[tuple[str, str, str, str]]:
        """(better, worse, set, other set) where both differences are significant and opposed."""
        signs: dict[tuple[str, str], dict[str, bool]] = {}
        for name, tests in self.tests.items():
            for test in tests:
                if test.p_corrected < SIGNIFICANT:
                    pair = (test.candidate, test.baseline)
                    signs.setdefault(pair, {})[name] = test.difference > 0
        return [
            (pair[0], pair[1], up, down)
            for pair, by_set in signs.items()
            for up in by_set
            for down in by_set
            if by_set[up] and not by_set[down]
        ]

    def heads(self, head: str) -> dict[str, str]:
        """Baseline -> heading of its column of p-values: ``p (Holm)``, or ``p (Holm, NAME)``."""
        bases = list(self.macro_p)
        if len(bases) == 1:
            return {bases[0]: head}
        return {base: f"{head.removesuffix(')')}, {base})" for base in bases}

    def frame(self) -> pd.DataFrame:
        """One row a pipeline and set (``macro``: all): mean, 95 % interval, questions, first, p.

        ``first`` is the share of resamples in which the pipeline has the highest mean.

        ``p (Holm)`` is given for ``macro`` alone: against the baseline; of several baselines each
        has a column, ``p (Holm, BASELINE)``.
        """
        import pandas as pd

        heads, rows = self.heads("p (Holm)"), list[tuple[object, ...]]()
        for name, sets in self.values.items():
            for key, values in sets.items():
                interval = mean_interval(values)
                none = [None] * len(heads)
                rows.append(
                    (
                        name,
                        key,
                        macro_mean([values]),
                        *interval,
                        len(values),
                        self.first[key][name],
                        *none,
                    )
                )
            mean, interval = self.macro[name]
            total = sum(map(len, sets.values()))
            ps = [self.macro_p[base].get(name) for base in heads]
            rows.append((name, MACRO, mean, *interval, total, self.first[MACRO][name], *ps))
        columns = [
            "pipeline",
            "set",
            self.metric,
            "low",
            "high",
            "questions",
            "first",
            *heads.values(),
        ]
        return pd.DataFrame(rows, columns=columns)

    def _repr_html_(self) -> str:
        wide = self.frame().pivot(index="pipeline", columns="set", values=self.metric)
        wide = wide.loc[list(self.values), [*self.tests, MACRO]]
        rows = [(name, *values) for name, values in zip(wide.index, wide.to_numpy(), strict=True)]
        return html_table(("pipeline", *wide.columns), rows, f"{self.metric} by question set")


def by_set(comparison: ComparisonData, metric: str | None = None) -> BySet:
    """A metric by question set.

    Args:
        metric: by default the deciding one.

    Raises:
        RunError: the comparison has one set only, or no question of a set has the metric.
    """
    if not comparison.sets:
        raise RunError(
            "has one question set",
            where=comparison.name,
            cure="name several: data.questions: {nq: nq.jsonl, popqa: popqa.jsonl}",
        )
    metric = metric or deciding_metric(comparison) or "em"
    columns = {
        name: comparison.by_question[name, metric]
        for name in comparison.pipelines
        if (name, metric) in comparison.by_question
    }
    shared = {
        name: [q for q in ids if columns and all(q in column for column in columns.values())]
        for name, ids in comparison.sets.items()
    }
    if empty := [name for name, ids in shared.items() if not ids]:
        raise RunError(f"no question of set '{empty[0]}' has '{metric}'", where=comparison.name)
    return BySet(
        metric,
        comparison.baselines,
        {
            pipeline: {name: tuple(column[q] for q in ids) for name, ids in shared.items()}
            for pipeline, column in columns.items()
        },
        {
            name: tuple(compare_all(_rows_of(comparison, metric, set(ids)), metric))
            for name, ids in shared.items()
        },
    )


def _rows_of(comparison: ComparisonData, metric: str, ids: set[str]) -> list[MetricRow]:
    return [r for r in comparison.rows if r.metric == metric and r.question_id in ids]


def _minus(ours: tuple[float, ...], theirs: tuple[float, ...]) -> list[float]:
    return [a - b for a, b in zip(ours, theirs, strict=True)]
