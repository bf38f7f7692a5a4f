"""What a loaded run folder must hold, so that every view of it works and no name is a path."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from odqa.comparison.run_files import MANIFEST, damaged
from odqa.spec.stage import name_problem

if TYPE_CHECKING:
    from odqa.metrics.rows import MetricRow
    from odqa.types import Question

_SHAPE = ConfigDict(extra="allow", strict=True)


class _Origin(BaseModel):
    model_config = _SHAPE

    config: dict[str, Any]
    folder: str
    takes: list[list[int | None]]

    @field_validator("takes")
    @classmethod
    def _pairs(cls, takes: list[list[int | None]]) -> list[list[int | None]]:
        # A tuple would be the type: in unions pydantic has no lists of JSON for it any more.
        if not all(len(take) == 2 and take[0] is not None for take in takes):
            raise ValueError("expected pairs of a number of questions and a seed")
        return takes


class _Data(BaseModel):
    model_config = _SHAPE

    name: str
    digest: str
    passages: int
    questions: int
    origin: _Origin | None = None
    named: list[dict[str, str | None]] = []


class _Machine(BaseModel):
    model_config = _SHAPE

    system: str
    cores: int | None


class _Factor(BaseModel):
    model_config = _SHAPE

    key: str
    levels: list[str]


class _Grid(BaseModel):
    model_config = _SHAPE

    factors: list[_Factor]
    pipelines: dict[str, list[str | None]]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for levels in self.pipelines.values():
            if len(levels) != len(self.factors) or not all(
                level is None or level in factor.levels
                for level, factor in zip(levels, self.factors, strict=True)
            ):
                raise ValueError("expected a level of every factor, or null")
        return self


class _Settings(BaseModel):
    model_config = _SHAPE

    baselines: list[str] = []


class _Manifest(BaseModel):
    """The keys of a manifest that views and commands read; all of them may be missing."""

    model_config = _SHAPE

    odqa: str | None = None
    code: str | None = None
    started: str = ""
    seconds: float = 0.0
    dataset: _Data | None = None
    machine: _Machine | None = None
    specs: dict[str, str] = {}
    stages: dict[str, int] = {}
    settings: _Settings = _Settings()
    grid: _Grid | None = None
    versions: dict[str, str] = {}
    merged: dict[str, _Manifest] = {}

    @field_validator("dataset", "machine", "grid", mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        if value is None:
            raise ValueError("no keys")
        return value


def check_names(names: object, folder: Path) -> None:
    """Check the names of pipelines, which are names of folders too.

    Raises:
        RunError: a name that no spec may have, or one twice.
    """
    listed = list(names) if isinstance(names, Iterable) else [names]
    for name in listed:
        if not isinstance(name, str) or name_problem(name):
            raise damaged(folder, f"{name!r} is no name of a pipeline")
    if len(set(listed)) != len(listed):
        raise damaged(folder, "two pipelines have one name")


def check_manifest(manifest: Mapping[str, Any], folder: Path) -> None:
    """Check that the values of a manifest are of the kinds that its readers expect.

    Raises:
        RunError: names the key.
    """
    try:
        # As JSON, where tuples are lists.
        _Manifest.model_validate_json(json.dumps(manifest))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise damaged(folder, f"{key} in {MANIFEST}: {first['msg']}") from None


def check_rows(
    rows: Iterable[MetricRow], pipelines: Iterable[str], questions: Iterable[Question], folder: Path
) -> None:
    """Check that the rows are finite values of the pipelines and questions of the run.

    Raises:
        RunError: names the first that is not.
    """
    names, ids = set(pipelines), {question.id for question in questions}
    for row in rows:
        is_known = row.pipeline in names and row.question_id in ids and isinstance(row.metric, str)
        if not is_known or not isinstance(row.value, float) or not math.isfinite(row.value):
            raise damaged(folder, f"metrics.parquet has a row of no pipeline or value: {row}")
