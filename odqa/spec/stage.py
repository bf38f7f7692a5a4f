"""One stage of a spec: its role, its registered type and its validated parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from odqa import registry
from odqa.code_identity import code_identity
from odqa.errors import ComponentError, SpecError
from odqa.interfaces import ComponentConfig, RewriterConfig, StageConfig
from odqa.registry import Role
from odqa.spec.problems import build
from odqa.spec.source import KeyPath, Source

#: Names of pipelines and ids of stages; they become names of files, on other systems too.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
LONGEST_NAME = 100
#: What Windows keeps for itself, whatever ending follows.
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def name_problem(name: str) -> str:
    """Why a name can be no name of a file: what to do instead. Empty for a good one."""
    if not NAME.fullmatch(name):
        return "use letters, digits and . _ + - only (it becomes the name of a file)"
    if len(name) > LONGEST_NAME:
        return f"use at most {LONGEST_NAME} characters (it becomes the name of a file)"
    if _RESERVED.fullmatch(name) or name.endswith("."):
        return "use another, which is the name of no device and ends in no full stop"
    return ""


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage: its role, the type's registered name and its validated parameters.

    ``id`` is how tables call it; `None` leaves that to the pipeline. It decides no result.
    """

    role: Role
    type: str
    config: ComponentConfig
    id: str | None = None

    def __post_init__(self) -> None:
        if self.id is not None and (cure := name_problem(self.id)):
            raise SpecError(f"{self.id!r} is no id of a stage", cure=cure)

    @property
    def k(self) -> int:
        """How many passages it returns per question; only for stages that give hits."""
        assert isinstance(self.config, StageConfig)
        return self.config.k

    def cut(self, k: int) -> Self:
        """The same with at most ``k`` passages per question."""
        if self.k <= k:
            return self
        return replace(self, config=self.config.model_copy(update={"k": k}))

    def leaves(self) -> tuple[StageSpec, ...]:
        """Itself."""
        return (self,)

    def identity(self) -> dict[str, Any]:
        """What decides this stage's results, as plain values; feeds every cache key."""
        kind = registry.get(self.role, self.type)
        config = dict(self.config.identity())
        identity = {"type": self.type, "version": kind.version, "config": config}
        if isinstance(self.config, RewriterConfig):
            # The fusion of what its texts find has no stage of its own.
            fusion = registry.get("fusion", self.config.by)
            identity["by"] = {"version": fusion.version, **code_identity(fusion)}
        return {**identity, **code_identity(kind)}

    def to_dict(self, defaults: bool = False) -> dict[str, Any]:
        """``type`` and the parameters: all, or those that differ from their defaults."""
        id_key = {} if self.id is None else {"id": self.id}
        return {"type": self.type, **id_key, **self.parameters(defaults)}

    def parameters(self, defaults: bool = False) -> dict[str, Any]:
        """The parameters as plain values: all, or those that differ from their defaults."""
        text = self.config.model_dump_json(exclude_defaults=not defaults)
        return dict(json.loads(text))


@dataclass(slots=True)
class Parsing:
    """A spec while it is validated.

    ``common`` are defaults of every stage with such parameters; errors are added to ``problems``;
    ``ids`` maps the ids so far to their places.
    """

    source: Source
    common: Mapping[str, Any] = field(default_factory=dict)
    problems: list[SpecError] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    def problem(self, what: str, at: KeyPath, cure: str = "") -> None:
        """Add an error at a place of the source."""
        self.problems.append(SpecError(what, where=self.source.where(at), cure=cure))


def parse_stage(
    role: Role, values: object, parsing: Parsing, at: KeyPath, *, type_key: str = "type"
) -> StageSpec | None:
    """Validate one stage.

    Args:
        values: the values ``at`` this place of the source.
        type_key: the key that names the type.

    Returns:
        `None` where it is invalid; the errors are then in ``parsing.problems``.
    """
    if not isinstance(values, dict) or not isinstance(values.get(type_key), str):
        parsing.problem("expected a type and its parameters", at, f"add '{type_key}: …'")
        return None
    values = dict(values)
    name = values.pop(type_key)
    try:
        kind = registry.get(role, name)
    except ComponentError as error:
        parsing.problem(error.what, (*at, type_key), error.cure)
        return None
    stage_id = _parse_id(values, parsing, at)
    fields = kind.Config.model_fields
    values = {key: value for key, value in parsing.common.items() if key in fields} | values
    config = build(kind.Config, values, parsing.source, at, parsing.problems)
    return None if config is None else StageSpec(role, name, config, stage_id)


def _parse_id(values: dict[str, Any], parsing: Parsing, at: KeyPath) -> str | None:
    if "id" not in values:
        return None
    stage_id: object = values.pop("id")
    place = (*at, "id")
    if not isinstance(stage_id, str) or name_problem(stage_id):
        cure = name_problem(stage_id if isinstance(stage_id, str) else "")
        parsing.problem(f"{stage_id!r} is no id", place, cure)
        return None
    if stage_id in parsing.ids:
        what = f"the id '{stage_id}' is taken by the stage at {parsing.ids[stage_id]}"
        parsing.problem(what, place, "give each stage an id of its own")
    parsing.ids.setdefault(stage_id, parsing.source.where(place))
    return stage_id
