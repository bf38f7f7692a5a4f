"""Means by question set of finished runs as one CSV: ``python -m eval.by_set RUN… > FILE.csv``.

One row a pipeline, metric and set (``macro``: their average), with a 95 % interval, the difference
from the first baseline and its interval, and of ``macro`` p by sign flips, Holm over the pipelines
of a run. ``gflop`` (a question) and ``stored_mb`` leave the reader out. A baseline that several
runs share is written once.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from odqa.comparison.by_set import MACRO, BySet, by_set
from odqa.comparison.folder import load
from odqa.comparison.table import tested_metrics
from odqa.metrics.statistics.bootstrap import mean_interval
from odqa.metrics.statistics.macro import macro_interval, macro_mean


def run_rows(folder: Path) -> list[dict[str, object]]:
    """Rows of one run folder: a row for every metric with a paired test, pipeline and set."""
    comparison = load(folder)
    measured = {metric for _, metric in comparison.by_question}
    rows: list[dict[str, object]] = []
    for metric in (each for each in tested_metrics(comparison) if each in measured):
        table = by_set(comparison, metric)
        for pipeline in table.values:
            costs = _costs(folder / "pipelines" / pipeline / "costs.json")
            rows += [{**row, **costs} for row in _pipeline_rows(table, metric, pipeline)]
    return rows


def _pipeline_rows(table: BySet, metric: str, pipeline: str) -> list[dict[str, object]]:
    base = next(iter(table.macro_p))
    values = {name: np.asarray(each) for name, each in table.values[pipeline].items()}
    against = {name: values[name] - np.asarray(table.values[base][name]) for name in values}
    rows: list[dict[str, object]] = []
    for name in (*values, MACRO):
        chosen = list(values) if name == MACRO else [name]
        interval = macro_interval if name == MACRO else lambda sets: mean_interval(sets[0])
        low, high = interval([values[each] for each in chosen])
        row = {"pipeline": pipeline, "metric": metric, "set": name}
        rows.append(row | {"mean": macro_mean([values[each] for each in chosen])})
        rows[-1] |= {"low": low, "high": high}
        if pipeline != base:
            differences = [against[each] for each in chosen]
            low, high = interval(differences)
            rows[-1] |= {"difference": macro_mean(differences), "difference_low": low}
            rows[-1] |= {"difference_high": high}
        if name == MACRO:
            rows[-1]["p_holm"] = table.macro_p[base].get(pipeline)
    return rows


def _costs(path: Path) -> dict[str, object]:
    stages = [s for s in json.loads(path.read_text(encoding="utf-8")) if s["role"] != "reader"]
    known = [stage["gflop"] for stage in stages if stage["gflop"] is not None]
    stored = sum(stage["stored_bytes"] or 0 for stage in stages)
    return {"gflop": sum(known) if known else None, "stored_mb": stored / 1e6}


def main() -> None:
    """Write the rows of all runs to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="finished run folders")
    frame = pd.DataFrame([row for folder in parser.parse_args().runs for row in run_rows(folder)])
    frame = frame.drop_duplicates(["pipeline", "metric", "set"]).round(6)
    frame.to_csv(sys.stdout, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
