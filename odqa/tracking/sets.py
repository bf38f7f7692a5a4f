"""Several question sets for MLflow: means by set, and whether the order of pipelines holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from odqa.comparison.by_set import MACRO
from odqa.comparison.table import tested_metrics
from odqa.metrics.statistics.macro import macro_mean
from odqa.tracking.values import metric_name

if TYPE_CHECKING:
    from odqa.comparison.by_set import BySet
    from odqa.comparison.result import Comparison

#: MLflow refuses longer tags.
_LONGEST_TAG = 5000


def set_metrics(comparison: Comparison, name: str) -> dict[str, float]:
    """``set/SET/METRIC`` and ``set/SET/METRIC_first`` of a pipeline; ``macro`` is their average."""
    metrics: dict[str, float] = {}
    for table in _all(comparison):
        if name not in table.values:
            continue
        means = {key: macro_mean([values]) for key, values in table.values[name].items()}
        means[MACRO] = table.macro[name][0]
        for key, mean in means.items():
            metrics[metric_name(f"set/{key}/{table.metric}")] = mean
            metrics[metric_name(f"set/{key}/{table.metric}_first")] = table.first[key][name]
    return metrics


def rank_metrics(comparison: Comparison) -> dict[str, float]:
    """``tau/METRIC/A vs B``: Kendall's tau of the order of pipelines on two sets."""
    return {
        metric_name(f"tau/{table.metric}/{a} vs {b}"): tau
        for table in _all(comparison)
        for (a, b), tau in table.rank_correlation.items()
        if math.isfinite(tau)
    }


def set_tags(comparison: Comparison) -> dict[str, str]:
    """``odqa.sets.METRIC``: whether the order of pipelines holds, in one sentence."""
    return {
        f"odqa.sets.{metric_name(table.metric)}": table.conclusion()[:_LONGEST_TAG]
        for table in _all(comparison)
        if len(table.values) > 1
    }


def _all(comparison: Comparison) -> Iterator[BySet]:
    measured = {metric for _, metric in comparison.by_question}
    for metric in tested_metrics(comparison) if comparison.sets else ():
        if metric in measured:
            yield comparison.by_set(metric)
