"""One stage of a spec: its role, its registered type and its validated parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, SerializationInfo, WithJsonSchema

from odqa import registry
from odqa.errors import ComponentError, SpecError
from odqa.interfaces import ComponentConfig, StageConfig
from odqa.registry import Role
from odqa.spec.problems import build
from odqa.spec.source import KeyPath, Source


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage: its role, the type's registered name and its validated parameters."""

    role: Role
    type: str
    config: ComponentConfig

    @property
    def k(self) -> int:
        """How many passages it returns per question; retrievers and rankers only."""
        assert isinstance(self.config, StageConfig)
        return self.config.k

    def identity(self) -> dict[str, Any]:
        """What decides this stage's results, as plain values; feeds every cache key."""
        version = registry.get(self.role, self.type).version
        return {"type": self.type, "version": version, "config": dict(self.config.identity())}

    def to_dict(self, defaults: bool = False) -> dict[str, Any]:
        """``type`` and the parameters: all, or those that differ from their defaults."""
        text = self.config.model_dump_json(exclude_defaults=not defaults)
        return {"type": self.type, **json.loads(text)}


def parse_stage(
    role: Role,
    values: object,
    source: Source,
    at: KeyPath,
    common: Mapping[str, Any],
    problems: list[SpecError],
) -> StageSpec | None:
    """Validate one stage, and the rankers it is made of, each with its own place.

    Args:
        values: what stands ``at`` this place of ``source``.
        common: parameters of every stage that knows them and says nothing else.
        problems: what is wrong is added here; `None` is returned then.
    """
    if not isinstance(values, dict) or not isinstance(values.get("type"), str):
        what, cure = "expected a type and its parameters", "add 'type: …'"
        problems.append(SpecError(what, where=source.where(at), cure=cure))
        return None
    values = dict(values)
    name = values.pop("type")
    try:
        kind = registry.get(role, name)
    except ComponentError as error:
        place = source.where((*at, "type"))
        problems.append(SpecError(error.what, where=place, cure=error.cure))
        return None
    for key in kind.Config.nested_rankers:
        if not isinstance(values.get(key), list):
            continue
        inner = [
            parse_stage("ranker", each, source, (*at, key, position), common, problems)
            for position, each in enumerate(values[key])
        ]
        if None in inner:
            return None
        values[key] = [stage.to_dict(defaults=True) for stage in inner if stage is not None]
    values = {k: v for k, v in common.items() if k in kind.Config.model_fields} | values
    config = build(kind.Config, values, source, at, problems)
    return None if config is None else StageSpec(role, name, config)


def _ranker(value: object) -> StageSpec:
    """A ranker from plain values; a spec's own are parsed before, with their places."""
    if isinstance(value, StageSpec):
        return value
    problems: list[SpecError] = []
    stage = parse_stage("ranker", value, Source({}, {}, "ranker"), (), {}, problems)
    if stage is None:
        raise ValueError("; ".join(problem.what for problem in problems))
    return stage


def _plain(stage: StageSpec, info: SerializationInfo) -> dict[str, Any]:
    return stage.to_dict(defaults=not info.exclude_defaults)


#: A ranker among the parameters of a component that lists its key in ``Config.nested_rankers``.
NestedRanker = Annotated[
    StageSpec,
    PlainValidator(_ranker),
    PlainSerializer(_plain),
    WithJsonSchema({"type": "object", "required": ["type"]}),
]
