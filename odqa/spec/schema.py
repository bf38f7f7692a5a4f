"""JSON Schema of specs, from the same models that validate them."""

from __future__ import annotations

from typing import Any

from odqa.registry import ROLES, SLOTS, Role, Slot, entries
from odqa.spec.composition import DEFAULT_FUSION
from odqa.spec.pipeline import Header
from odqa.spec.slots import CascadeKeys
from odqa.spec.stage import LONGEST_NAME, NAME

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NULL = {"type": "null"}
_READER_ALONE = {
    "properties": {"reader": {"not": _NULL}, "rewriter": _NULL, "ranker": _NULL},
    "required": ["reader"],
}
_ID = {
    "type": "string",
    "pattern": f"^{NAME.pattern}$",
    "maxLength": LONGEST_NAME,
    "description": "How tables call this stage; its type by default.",
}


def pipeline_schema() -> dict[str, Any]:
    """Draft 2020-12 schema of a pipeline spec with every registered type.

    A spec that extends another inherits its name, its stages and their types, so that none of its
    keys is required; those it has are checked.
    """
    definitions: dict[str, Any] = {}
    for role in ROLES:
        _define(role, definitions)
    extends = {"type": "string", "description": "File or built-in spec this one is laid over."}
    whole: dict[str, Any] = {slot: {"anyOf": [_ref(f"{slot}-slot"), _NULL]} for slot in SLOTS}
    for slot in SLOTS:
        definitions[f"{slot}-over"] = {"anyOf": _without_required(slot, definitions)}
    laid_over = {slot: _any_laid_over(slot) for slot in SLOTS}
    return {
        "$schema": _DIALECT,
        "title": "odqa pipeline",
        "type": "object",
        "properties": {
            **Header.model_json_schema()["properties"],
            "extends": extends,
            **dict.fromkeys(SLOTS, True),
        },
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "then": {"properties": laid_over},
        "else": {
            "properties": whole,
            "required": ["name", "retriever"],
            "anyOf": [{"properties": {"retriever": {"not": _NULL}}}, _READER_ALONE],
        },
        "$defs": definitions,
    }


def benchmark_schema() -> dict[str, Any]:
    """Draft 2020-12 schema of a benchmark spec."""
    from odqa.spec.benchmark import BenchmarkKeys

    schema = BenchmarkKeys.model_json_schema()
    required = schema.pop("required")
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "Benchmark this one is laid over.",
    }
    alone = {"required": required}
    return {"$schema": _DIALECT, **schema, "anyOf": [{"required": ["extends"]}, alone]}


def _define(role: Role, definitions: dict[str, Any]) -> None:
    """Every type of a role, the role itself (any of them), and what its slot can hold."""
    branches = []
    for entry in entries(role):
        schema = entry.load().Config.model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(schema.pop("$defs", {}))
        name = f"{role}-{entry.name}"
        key = "by" if role == "fusion" else "type"
        own = {key: {"const": entry.name}, "id": _ID}
        # A fusion has its keys beside those of its members; without a name it is the default one.
        members = {"fuse": True} if role == "fusion" else {}
        schema["title"] = name
        schema["properties"] = {**own, **members, **schema.get("properties", {})}
        implied = role == "fusion" and entry.name == DEFAULT_FUSION
        schema["required"] = [*([] if implied else [key]), *schema.get("required", [])]
        definitions[name] = schema
        branches.append(_ref(name))
    definitions[role] = {"anyOf": branches}
    if role in ("retriever", "ranker"):
        definitions[f"{role}-slot"] = {"anyOf": [_ref(role), *_compositions(role)]}
    elif role != "fusion":
        definitions[f"{role}-slot"] = _ref(role)


def _compositions(role: Role) -> list[dict[str, Any]]:
    member = _ref(f"{role}-slot")
    members = {"type": "array", "minItems": 2, "items": member}
    fused = {"allOf": [{"required": ["fuse"], "properties": {"fuse": members}}, _ref("fusion")]}
    rankers = _ref("ranker-slot")
    if role == "ranker":
        cascade = CascadeKeys.model_json_schema()
        cascade["properties"]["type"] = {"const": "cascade"}
        cascade["properties"]["stages"]["items"] = rankers
        cascade["required"] = ["type", "stages"]
        return [fused, {"type": "array", "minItems": 1, "items": rankers}, cascade]
    chain = {"type": "array", "minItems": 1, "prefixItems": [member], "items": rankers}
    inner = {
        "type": "object",
        "properties": {
            "rewriter": {"anyOf": [_ref("rewriter"), _NULL]},
            "retriever": member,
            "ranker": {"anyOf": [rankers, _NULL]},
        },
        "required": ["retriever"],
        "additionalProperties": False,
    }
    return [fused, chain, inner]


def _any_laid_over(slot: Slot) -> dict[str, Any]:
    """What a slot can hold in a spec that extends another."""
    return {"anyOf": [_ref(f"{slot}-over"), _ref(f"{slot}-slot"), _NULL]}


def _without_required(slot: Slot, definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """What a slot holds, without the required keys: these may stand in another file."""
    names = [f"{slot}-{entry.name}" for entry in entries(slot)]
    if slot not in ("retriever", "ranker"):
        return [_optional(definitions[name]) for name in names]
    names += [f"fusion-{entry.name}" for entry in entries("fusion")]
    *_, mapping = _compositions(slot)
    if slot == "retriever":
        inner: tuple[Slot, ...] = ("rewriter", "retriever", "ranker")
        mapping["properties"] = {each: _any_laid_over(each) for each in inner}
    return [_optional(each) for each in (*map(definitions.__getitem__, names), mapping)]


def _optional(schema: dict[str, Any]) -> dict[str, Any]:
    """The same with no key required; the members of a fusion are given whole or not at all."""
    properties = {key: part for key, part in schema["properties"].items() if key != "fuse"}
    return {**schema, "properties": properties, "required": []}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}
