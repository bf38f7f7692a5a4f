"""Trainings by several seeds as one system: ``python -m eval.by_seed RUN… > FILE.csv``.

Pipelines of finished runs that are called NAME-SEED, as `colbert-13`, are repetitions of NAME. A
question's value is its mean over the seeds, so that p and interval speak of the recipe and not of
one of its weights. One row a system, metric and question set (``macro``: their average):

- ``mean``, and ``spread``, the standard deviation over the seeds;
- ``difference`` from ``--base`` (a pipeline or a NAME; by default the first run's baseline), its
  95 % interval by resampled questions, and p by sign flips, each by itself.

All runs ask the same questions. A pipeline that several share has the same values in all and is
written once.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import stdev

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from odqa.comparison.by_set import MACRO
from odqa.comparison.data import ComparisonData
from odqa.comparison.folder import load
from odqa.comparison.table import tested_metrics
from odqa.metrics.statistics.macro import macro_interval, macro_mean, macro_p

#: Set -> values of its questions, [seeds, questions].
BySeed = Mapping[str, NDArray[np.float64]]
_REPETITION = re.compile(r"(.+)-\d+")


def read(folders: Sequence[Path]) -> tuple[str, dict[str, dict[str, BySeed]]]:
    """The first run's baseline, and metric -> system -> values of all runs.

    Raises:
        SystemExit: runs with other questions, or a pipeline whose values differ between them.
    """
    comparisons = {folder: load(folder) for folder in folders}
    first = comparisons[folders[0]]
    sets = _sets(first)
    metrics: dict[str, dict[str, dict[str, BySeed]]] = {}
    for folder, comparison in comparisons.items():
        if _sets(comparison) != sets:
            raise SystemExit(f"{folder}: has other questions than {folders[0]}")
        for metric in tested_metrics(comparison):
            for name in comparison.pipelines:
                values = comparison.values(name, metric)
                by_set = {
                    key: np.array([[values[each] for each in ids]]) for key, ids in sets.items()
                }
                runs = metrics.setdefault(metric, {}).setdefault(_system(name), {})
                if any((runs.setdefault(name, by_set)[key] != by_set[key]).any() for key in sets):
                    raise SystemExit(f"{folder}: {name} has other values than in an earlier run")
    return first.baselines[0], {
        metric: {
            system: {key: np.concatenate([run[key] for run in runs.values()]) for key in sets}
            for system, runs in systems.items()
        }
        for metric, systems in metrics.items()
    }


def _sets(comparison: ComparisonData) -> Mapping[str, Sequence[str]]:
    """Question ids by set; of a comparison with one set ``all`` of them."""
    return comparison.sets or {"all": [question.id for question in comparison.questions]}


def _system(pipeline: str) -> str:
    repetition = _REPETITION.fullmatch(pipeline)
    return repetition[1] if repetition else pipeline


def system_rows(system: BySeed, base: BySeed | None) -> list[dict[str, object]]:
    """One row a set, and one for their average where there are several; no base, no difference."""
    rows: list[dict[str, object]] = []
    for name in (*system, MACRO) if len(system) > 1 else tuple(system):
        keys = list(system) if name == MACRO else [name]
        means = [macro_mean(values) for values in zip(*map(system.__getitem__, keys), strict=True)]
        row: dict[str, object] = {"set": name, "seeds": len(means), "mean": macro_mean([means])}
        row["spread"] = stdev(means) if len(means) > 1 else None
        if base is not None:
            differences = [system[key].mean(axis=0) - base[key].mean(axis=0) for key in keys]
            low, high = macro_interval(differences)
            row |= {"difference": macro_mean(differences), "low": low, "high": high}
            row["p"] = macro_p(differences)
        rows.append(row)
    return rows


def main() -> None:
    """Write the rows of all runs to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="finished run folders")
    parser.add_argument("--base", help="pipeline or NAME that all others are compared with")
    given = parser.parse_args()
    first, metrics = read(given.runs)
    base, rows = given.base or first, list[dict[str, object]]()
    for metric, systems in metrics.items():
        if base not in systems:
            raise SystemExit(f"--base: no '{base}' among {', '.join(systems)}")
        for name, system in systems.items():
            against = None if name == base else systems[base]
            head = {"system": name, "metric": metric}
            rows += [head | row for row in system_rows(system, against)]
    pd.DataFrame(rows).round(6).to_csv(sys.stdout, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
