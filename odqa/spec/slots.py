"""Plain values of a slot -> a validated stage or composition; errors name the place of a part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from odqa.interfaces import FusionConfig, RewriterConfig, StageConfig
from odqa.registry import Slot, entries
from odqa.spec.composition import DEFAULT_FUSION, ChainSpec, FusedSpec, SlotSpec, chain
from odqa.spec.problems import build
from odqa.spec.source import KeyPath
from odqa.spec.stage import Parsing, StageSpec, parse_stage
from odqa.suggest import did_you_mean

#: Slots that may hold a list or a fusion; the others hold one stage.
_FUSED: tuple[Slot, ...] = ("retriever", "ranker")
_CASCADE = "cascade"
_INNER = ("rewriter", "retriever", "ranker")


class CascadeKeys(StageConfig):
    """The keys of ``type: cascade``, which version 0.1.0 wrote for a list of rankers."""

    stages: tuple[dict[str, Any], ...] = Field(
        min_length=2,
        description="Rankers, each a type and its parameters; the k of each is how many passages "
        "it leaves to the next.",
    )


def parse_slot(slot: Slot, values: object, parsing: Parsing, at: KeyPath) -> SlotSpec | None:
    """Validate the values of a slot.

    Returns:
        `None` where they are invalid; the errors are then in ``parsing.problems``.
    """
    if isinstance(values, list):
        return _parse_list(slot, values, parsing, at)
    if isinstance(values, dict) and "fuse" in values:
        return _parse_fused(slot, values, parsing, at)
    if slot == "retriever" and isinstance(values, dict) and "retriever" in values:
        return _parse_inner(values, parsing, at)
    if slot == "ranker" and isinstance(values, dict) and values.get("type") == _CASCADE:
        return _parse_cascade(values, parsing, at)
    stage = parse_stage(slot, values, parsing, at)
    if stage is not None and isinstance(stage.config, RewriterConfig):
        _check_fusion(stage.config.by, parsing, (*at, "by"))
    return stage


def _parse_list(slot: Slot, values: list[Any], parsing: Parsing, at: KeyPath) -> SlotSpec | None:
    if slot not in _FUSED:
        parsing.problem(f"expected one {slot}, got a list", at, f"give one {slot}")
        return None
    if not values:
        parsing.problem("an empty list", at, f"name a {slot}, or say null")
        return None
    roles: list[Slot] = [slot, *["ranker"] * (len(values) - 1)]  # type: ignore[list-item]
    stages = [
        parse_slot(role, value, parsing, (*at, position))
        for position, (role, value) in enumerate(zip(roles, values, strict=True))
    ]
    return _chained(stages)


def _parse_fused(
    slot: Slot, values: dict[str, Any], parsing: Parsing, at: KeyPath
) -> SlotSpec | None:
    if slot not in _FUSED:
        parsing.problem(f"a {slot} cannot be fused", (*at, "fuse"), f"give one {slot}")
        return None
    members = values["fuse"]
    if not isinstance(members, list) or len(members) < 2:
        parsing.problem(f"expected a list of two {slot}s or more", (*at, "fuse"))
        return None
    parsed = [
        parse_slot(slot, member, parsing, (*at, "fuse", position))
        for position, member in enumerate(members)
    ]
    method_values = {"by": DEFAULT_FUSION} | {key: values[key] for key in values if key != "fuse"}
    method = parse_fusion(method_values, len(members), parsing, at)
    valid = [member for member in parsed if member is not None]
    return FusedSpec(tuple(valid), method) if method and len(valid) == len(members) else None


def parse_fusion(
    values: dict[str, Any], members: int, parsing: Parsing, at: KeyPath
) -> StageSpec | None:
    """Validate the method of a fusion of so many members, named by the key ``by``.

    Returns:
        `None` where it is no fusion; wrong weights are noted among ``parsing.problems``.
    """
    method = parse_stage("fusion", values, parsing, at, type_key="by")
    weights = method.config.weights if method and isinstance(method.config, FusionConfig) else None
    if weights is not None and len(weights) != members:
        what = f"{len(weights)} weights for {members} fused stages"
        parsing.problem(what, (*at, "weights"), "give each stage its weight")
    return method


def _parse_inner(values: dict[str, Any], parsing: Parsing, at: KeyPath) -> SlotSpec | None:
    """A retriever with its own rewriter or rankers, as a member of a fusion or in a slot."""
    for key in values:
        if key not in _INNER:
            parsing.problem(f"unknown key '{key}'", (*at, key), did_you_mean(str(key), _INNER))
    slots: list[Slot] = [slot for slot in _INNER if values.get(slot) is not None]  # type: ignore[misc]
    if "retriever" not in slots:
        parsing.problem("no retriever", (*at, "retriever"), "add one")
        return None
    return _chained([parse_slot(slot, values[slot], parsing, (*at, slot)) for slot in slots])


def _parse_cascade(values: dict[str, Any], parsing: Parsing, at: KeyPath) -> SlotSpec | None:
    cascade_values = {key: value for key, value in values.items() if key != "type"}
    stages = cascade_values.get("stages")
    if isinstance(stages, list):
        parsed = [
            parse_slot("ranker", value, parsing, (*at, "stages", position))
            for position, value in enumerate(stages)
        ]
        # Their number is still to be checked; errors inside of them are reported already.
        cascade_values["stages"] = [{} for _ in stages]
    else:
        parsed = [None]
    keys = build(CascadeKeys, cascade_values, parsing.source, at, parsing.problems)
    valid = [stage for stage in parsed if stage is not None]
    if keys is None or len(valid) != len(parsed):
        return None
    return ChainSpec(tuple(valid), keys.k)


def _chained(stages: Sequence[SlotSpec | None]) -> SlotSpec | None:
    """Stages one after the other; a single one is itself, and `None` among them makes `None`."""
    valid = [stage for stage in stages if stage is not None]
    if len(valid) != len(stages):
        return None
    return valid[0] if len(valid) == 1 else chain(valid)


def _check_fusion(name: str, parsing: Parsing, at: KeyPath) -> None:
    types = [entry.name for entry in entries("fusion")]
    if name not in types:
        parsing.problem(f"unknown fusion type '{name}'", at, did_you_mean(name, types))
