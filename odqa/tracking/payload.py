"""What is sent to MLflow, as plain values: what a comparison is, and what a training is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.comparison.verdict import verdict
from odqa.escapes import markdown
from odqa.tracking.pairs import pair_metrics, pair_tags, pair_texts
from odqa.tracking.sets import rank_metrics, set_metrics, set_tags
from odqa.tracking.spans import TraceBuilder, TraceRecord
from odqa.tracking.values import (
    grid_metrics,
    grid_params,
    level_params,
    pipeline_metrics,
    pipeline_params,
)

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

#: Traces per call of MLflow; also the most that it links to a run at once.
TRACES_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Value:
    """A metric at a step."""

    key: str
    value: float
    step: int = 0


@dataclass(frozen=True, slots=True)
class RunPayload:
    """One run: ``texts`` by file name; ``files`` and their folder among the artifacts."""

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Value, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, str | None], ...] = ()

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(Path(file).stat().st_size for file, _ in self.files)


@dataclass(frozen=True, slots=True)
class Payload:
    """A run with its nested runs.

    Attributes:
        identity: what is logged, so that it is logged once; a hexadecimal SHA-256.
        time_ms: of the metrics, since 1970. Always the same, so that a metric which is sent twice
            is stored once.
        dataset: that of the comparison in its manifest; `None` without one.
        traces: how many will follow.
    """

    uri: str
    experiment: str
    identity: str
    time_ms: int
    parent: RunPayload
    children: Mapping[str, RunPayload] = field(default_factory=dict)
    dataset: Mapping[str, Any] | None = None
    traces: int = 0


#: Traces of one pipeline.
TraceBatch = tuple[str, list[TraceRecord]]


def comparison_payload(
    comparison: Comparison, folder: Path, uri: str, experiment: str, traces: int
) -> Payload:
    """One parent run, and one nested run per pipeline.

    Args:
        folder: the finished run folder; its files become artifacts.
        traces: how many will be sent.
    """
    manifest = comparison.manifest
    # MLflow shows a note as Markdown.
    note = markdown(verdict(comparison))
    tags = {"mlflow.note.content": note, "odqa.version": str(manifest.get("odqa"))}
    if manifest.get("code"):
        tags["odqa.code"] = str(manifest["code"])
    entry = {"name": comparison.name, "digest": "unknown", **manifest.get("dataset", {})}
    started = manifest.get("started")
    return Payload(
        uri,
        experiment,
        _identity(comparison),
        round(1000 * datetime.fromisoformat(started).timestamp()) if started else 0,
        RunPayload(
            comparison.name,
            tags | pair_tags(comparison) | set_tags(comparison),
            {"baseline": ", ".join(comparison.baselines), **grid_params(comparison)},
            tuple(
                Value(key, value)
                for part in (pair_metrics, rank_metrics, grid_metrics)
                for key, value in part(comparison).items()
            ),
            pair_texts(comparison),
            files=(*_files(folder, None), *_files(folder / "figures", "figures")),
        ),
        {name: _pipeline(comparison, name, folder) for name in comparison.pipelines},
        entry,
        traces,
    )


def trace_batches(comparison: Comparison, questions: Sequence[str]) -> Iterator[TraceBatch]:
    """The traces of these questions, some at once, built when they are needed."""
    if not questions:
        return
    builder = TraceBuilder(comparison)
    for pipeline in comparison.pipelines:
        remaining = iter(questions)
        while batch := list(islice(remaining, TRACES_AT_ONCE)):
            yield pipeline, [builder.build(pipeline, question) for question in batch]


def training_payload(folder: Path, uri: str, experiment: str | None) -> Payload:
    """The learning curve of a training that has ended, its recipe and cards."""
    recipe = (folder / "recipe.json").read_text(encoding="utf-8")
    curve: list[dict[str, float]] = json.loads((folder / "curve.json").read_text(encoding="utf-8"))
    values = [
        Value(re.sub(r"[^\w/.\- ]", "_", key.replace("@", "_at_")), value, int(row["step"]))
        for row in curve
        for key, value in row.items()
        if key != "step"
    ]
    name = str(json.loads(recipe)["name"])
    cards = sorted(folder.glob("*/card.md"))
    return Payload(
        uri,
        experiment or f"odqa-train/{name}",
        hashlib.sha256(f"{recipe}{curve}".encode()).hexdigest(),
        0,
        RunPayload(
            name,
            metrics=tuple(values),
            files=(
                *((str(folder / file), None) for file in ("recipe.json", "curve.json")),
                *((str(card), card.parent.name) for card in cards),
            ),
        ),
    )


def _identity(comparison: Comparison) -> str:
    """Of the results, wherever their folder lies: the manifest names time, machine and specs."""
    content = [comparison.name, comparison.baseline, list(comparison.pipelines)]
    text = json.dumps([content, comparison.manifest], ensure_ascii=False, default=str)
    return hashlib.sha256(json.dumps(json.loads(text), sort_keys=True).encode()).hexdigest()


def _pipeline(comparison: Comparison, name: str, folder: Path) -> RunPayload:
    spec = comparison.result(name).spec
    metrics = pipeline_metrics(comparison, name) | set_metrics(comparison, name)
    files = tuple(_tree(folder / "pipelines" / name))
    return RunPayload(
        name,
        {"odqa.spec_hash": spec.hash, "mlflow.note.content": markdown(spec.description)},
        {**pipeline_params(spec), **level_params(comparison, name)},
        tuple(Value(key, value) for key, value in metrics.items()),
        {} if files else {"spec.yaml": spec.to_yaml()},
        files,
    )


def _files(folder: Path, place: str | None) -> Iterator[tuple[str, str | None]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_file():
            yield str(path), place


def _tree(folder: Path) -> Iterator[tuple[str, str | None]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            place = path.parent.relative_to(folder).as_posix()
            yield str(path), None if place == "." else place
