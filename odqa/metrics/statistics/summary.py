"""The mean of every metric of every pipeline, with its interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from odqa.metrics.catalogue import in_order
from odqa.metrics.rows import MetricRow
from odqa.metrics.statistics.bootstrap import Interval, mean_intervals


@dataclass(frozen=True, slots=True)
class Summary:
    """The mean of one metric of one pipeline over ``questions`` questions."""

    pipeline: str
    metric: str
    questions: int
    mean: float
    interval: Interval


def summarise(rows: Iterable[MetricRow]) -> list[Summary]:
    """One `Summary` per pipeline and metric: pipelines as they come, metrics by the catalogue."""
    values: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        values.setdefault(row.pipeline, {}).setdefault(row.metric, []).append(row.value)
    summaries: dict[tuple[str, str], Summary] = {}
    # Columns over equally many questions share one set of resamples and one matrix product.
    by_length: dict[int, list[tuple[str, str]]] = {}
    for pipeline, metrics in values.items():
        for metric, column in metrics.items():
            by_length.setdefault(len(column), []).append((pipeline, metric))
    for n, keys in by_length.items():
        matrix = np.array([values[pipeline][metric] for pipeline, metric in keys]).T
        for key, column, interval in zip(keys, matrix.T, mean_intervals(matrix), strict=True):
            summaries[key] = Summary(*key, n, float(column.mean()), interval)
    return [
        summaries[pipeline, metric]
        for pipeline, metrics in values.items()
        for metric in in_order(metrics)
    ]
