"""Merge finished comparisons over the same questions, without running anything again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from odqa.comparison.baselines import as_names, check_baselines
from odqa.comparison.pipeline_result import PipelineResult
from odqa.comparison.result import Comparison
from odqa.data.paths import is_folder
from odqa.errors import RunError
from odqa.spec.locate import built_in_specs

#: Old name -> name in the merged comparison, for the pipelines of one run.
Rename = Callable[[str], str]


def is_run_folder(ref: str | Path) -> bool:
    """Whether ``ref`` names a folder rather than a spec; names of built-in specs win."""
    return is_folder(Path(ref)) and str(ref) not in built_in_specs()


def merge(runs: Sequence[Comparison], baseline: str | Sequence[str] | None = None) -> Comparison:
    """All pipelines of all runs, tested against one baseline or several.

    A name that several runs use gets the name of its folder in front: ``FOLDER.NAME``. Costs
    stay those of the run that measured them; the manifest keeps the values on which all runs
    agree and holds the manifest of each run under ``merged``.

    Args:
        runs: at least one, each loaded from its folder.
        baseline: one name or several, by default those of the first run.

    Raises:
        RunError: no runs, one twice, runs over other questions, qrels or passages, or no such
            baseline.
    """
    if not runs:
        raise RunError("no runs to compare", cure="name finished run folders")
    for run in runs[1:]:
        _check_same_data(runs[0], run)
    labels = _labels(runs)
    uses = Counter(name for run in runs for name in run.pipelines)
    renames = [_renaming(label, uses) for label in labels]
    pipelines: dict[str, PipelineResult] = {}
    for run, rename in zip(runs, renames, strict=True):
        for name, result in run.pipelines.items():
            pipelines[rename(name)] = _renamed(result, rename)
    baselines = as_names(baseline) or tuple(map(renames[0], runs[0].baselines))
    check_baselines(baselines, pipelines)
    return replace(
        runs[0],
        name="+".join(dict.fromkeys(run.name for run in runs)),
        pipelines=pipelines,
        rows=tuple(
            replace(row, pipeline=rename(row.pipeline))
            for run, rename in zip(runs, renames, strict=True)
            for row in run.rows
        ),
        passages={key: passage for run in runs for key, passage in run.passages.items()},
        baseline=baselines[0],
        manifest=_manifest(runs, labels, renames, baselines),
        folder=None,
    )


def _check_same_data(first: Comparison, other: Comparison) -> None:
    if _place(first) == _place(other):
        raise RunError("this run is given twice", where=_label(other), cure="name it once")
    ours, theirs = (run.manifest.get("dataset", {}) for run in (first, other))
    difference = ""
    if first.questions != other.questions:
        n = len({q.id for q in first.questions} & {q.id for q in other.questions})
        difference = (
            f"{len(other.questions)} questions, of which {n} are among the {len(first.questions)}"
        )
    elif ours.get("corpus") != theirs.get("corpus"):
        difference = "the same questions over another corpus than that"
    elif first.qrels != other.qrels:
        difference = "other qrels than those"
    elif ours.get("digest") != theirs.get("digest"):
        difference = "another way to judge answers than that"
    if difference:
        cure = "compare runs over the same data"
        raise RunError(f"it has {difference} of {_label(first)}", where=_label(other), cure=cure)


def _place(run: Comparison) -> Path | int:
    return run.folder.resolve() if run.folder is not None else id(run)


def _label(run: Comparison) -> str:
    return str(run.folder) if run.folder is not None else run.name


def _labels(runs: Sequence[Comparison]) -> list[str]:
    """A unique label a run, for names of pipelines: from the name of its folder."""
    labels: list[str] = []
    for run in runs:
        name = run.folder.resolve().name if run.folder is not None else run.name
        label = re.sub(r"[^A-Za-z0-9._+-]", "-", name).lstrip("._+-") or "run"
        numbered = (f"{label}-{n}" if n > 1 else label for n in count(1))
        labels.append(next(candidate for candidate in numbered if candidate not in labels))
    return labels


def _renaming(label: str, uses: Mapping[str, int]) -> Rename:
    return lambda name: f"{label}.{name}" if uses[name] > 1 else name


def _renamed(result: PipelineResult, rename: Rename) -> PipelineResult:
    costs = tuple(
        replace(cost, shared_with=tuple(map(rename, cost.shared_with))) for cost in result.costs
    )
    spec = replace(result.spec, name=rename(result.spec.name))
    return replace(result, spec=spec, costs=costs)


def _manifest(
    runs: Sequence[Comparison],
    labels: Sequence[str],
    renames: Sequence[Rename],
    baselines: Sequence[str],
) -> dict[str, Any]:
    first = runs[0].manifest
    common = {
        key: value
        for key, value in first.items()
        # The pipelines of several grids are those of none.
        if key != "grid" and all(run.manifest.get(key) == value for run in runs)
    }
    specs = {
        rename(name): digest
        for run, rename in zip(runs, renames, strict=True)
        for name, digest in run.manifest.get("specs", {}).items()
    }
    manifests = {label: dict(run.manifest) for label, run in zip(labels, runs, strict=True)}
    settings = {k: v for k, v in common.get("settings", {}).items() if k != "baselines"}
    if len(baselines) > 1:
        settings["baselines"] = list(baselines)
    common |= {"settings": settings} if settings or "settings" in common else {}
    return {**common, "dataset": first.get("dataset", {}), "specs": specs, "merged": manifests}
