"""JSON Schema of specs, from the same models that validate them."""

from __future__ import annotations

from typing import Any

from odqa.registry import ROLES, Role, entries
from odqa.spec.pipeline import Header

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pipeline_schema() -> dict[str, Any]:
    """Draft 2020-12 schema of a pipeline spec with every registered type."""
    definitions: dict[str, Any] = {}
    header = Header.model_json_schema()
    properties: dict[str, Any] = dict(header["properties"])
    properties["extends"] = {"type": "string", "description": "Spec that this one is laid over."}
    for role in ROLES:
        properties[role] = _stage(role, definitions)
    return {
        "$schema": _DIALECT,
        "title": "odqa pipeline",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        # A spec that extends another inherits its name and stages.
        "anyOf": [{"required": ["extends"]}, {"required": ["name", "retriever"]}],
        "$defs": definitions,
    }


def benchmark_schema() -> dict[str, Any]:
    """Draft 2020-12 schema of a benchmark spec."""
    from odqa.spec.benchmark import BenchmarkKeys

    return {"$schema": _DIALECT, **BenchmarkKeys.model_json_schema()}


def _stage(role: Role, definitions: dict[str, Any]) -> dict[str, Any]:
    branches = []
    for entry in entries(role):
        found = entry.load().Config.model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(found.pop("$defs", {}))
        name = f"{role}-{entry.name}"
        found["title"] = name
        found["properties"] = {"type": {"const": entry.name}, **found.get("properties", {})}
        found["required"] = ["type", *found.get("required", [])]
        definitions[name] = found
        branches.append({"$ref": f"#/$defs/{name}"})
    empty = [] if role == "retriever" else [{"type": "null"}]
    return {"anyOf": [*branches, *empty]}
