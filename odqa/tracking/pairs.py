"""Every pair of pipelines for MLflow: the parent run's metrics, tags and artifacts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from odqa.comparison.table import tested_metrics
from odqa.escapes import markdown, spreadsheet
from odqa.tracking.values import metric_name

if TYPE_CHECKING:
    from odqa.comparison.all_pairs import AllPairs
    from odqa.comparison.result import Comparison

#: MLflow refuses longer names of metrics and longer tags.
_LONGEST_NAME, _LONGEST_TAG = 250, 5000


def pair_metrics(comparison: Comparison) -> dict[str, float]:
    """``pairs/METRIC/BETTER vs WORSE/difference``, with ``low``, ``high``, ``p_holm``.

    Names that MLflow would not take are left out: the artifacts have all pairs.
    """
    metrics: dict[str, float] = {}
    for pairs in _all(comparison):
        for row in pairs.frame().to_dict("records"):
            head = f"pairs/{row['metric']}/{row['better']} vs {row['worse']}"
            values = {key: row[key] for key in ("difference", "low", "high")}
            values |= {"p_holm": row["p (Holm)"], "detectable": row["detectable"]}
            for key, value in values.items():
                name = metric_name(f"{head}/{key}")
                is_number = value is not None and math.isfinite(value)
                if is_number and len(name) <= _LONGEST_NAME:
                    metrics[name] = float(value)
    return metrics


def pair_tags(comparison: Comparison) -> dict[str, str]:
    """``odqa.letters.METRIC``: pipelines, best first, with the letters of `AllPairs`."""
    return {
        f"odqa.letters.{metric_name(pairs.metric)}": "; ".join(
            f"{name} {letters}" for name, letters in pairs.letters.items()
        )[:_LONGEST_TAG]
        for pairs in _all(comparison)
    }


def pair_texts(comparison: Comparison) -> dict[str, str]:
    """``pairs/METRIC.csv``, a row a pair, and ``pairs/METRIC.md``, the matrix."""
    texts: dict[str, str] = {}
    for pairs in _all(comparison):
        stem = f"pairs/{metric_name(pairs.metric).replace('/', '_')}"
        frame = pairs.frame()
        for column in ("better", "worse"):
            frame[column] = frame[column].map(spreadsheet)
        texts[f"{stem}.csv"] = frame.to_csv(index=False)
        texts[f"{stem}.md"] = _matrix(pairs)
    return texts


def _all(comparison: Comparison) -> Iterator[AllPairs]:
    for metric in tested_metrics(comparison):
        if sum((name, metric) in comparison.by_question for name in comparison.pipelines) > 1:
            yield comparison.pairs(metric)


def _matrix(pairs: AllPairs) -> str:
    frame = pairs.matrix()
    rows = [["row minus column", *frame.columns]]
    rows += [
        [f"{name} ({pairs.letters[name]})", *values]
        for name, values in zip(frame.index, frame.to_numpy().tolist(), strict=True)
    ]
    head, *lines = [f"| {' | '.join(map(markdown, row))} |\n" for row in rows]
    return "".join([head, f"|{' --- |' * len(rows[0])}\n", *lines])
