"""JSON Schema of specs, from the same models that validate them."""

from __future__ import annotations

from typing import Any

from odqa.registry import ROLES, Role, entries
from odqa.spec.pipeline import Header

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pipeline_schema() -> dict[str, Any]:
    """Draft 2020-12 schema of a pipeline spec with every registered type.

    A spec that extends another inherits its name, its stages and their types, so that nothing is
    required of it; what it does say is checked all the same.
    """
    definitions: dict[str, Any] = {}
    extends = {"type": "string", "description": "File or built-in spec this one is laid over."}
    whole = {role: _stage(role, definitions) for role in ROLES}
    laid_over = {role: _laid_over(role, definitions) for role in ROLES}
    return {
        "$schema": _DIALECT,
        "title": "odqa pipeline",
        "type": "object",
        "properties": {
            **Header.model_json_schema()["properties"],
            "extends": extends,
            **dict.fromkeys(ROLES, True),
        },
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "then": {"properties": laid_over},
        "else": {"properties": whole, "required": ["name", "retriever"]},
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


def _stage(role: Role, definitions: dict[str, Any]) -> dict[str, Any]:
    branches = []
    for entry in entries(role):
        config = entry.load().Config
        found = config.model_json_schema(ref_template="#/$defs/{model}")
        for key in config.nested_rankers:
            found["properties"][key]["items"] = {"$ref": "#/$defs/ranker"}
        definitions.update(found.pop("$defs", {}))
        name = f"{role}-{entry.name}"
        found["title"] = name
        found["properties"] = {"type": {"const": entry.name}, **found.get("properties", {})}
        found["required"] = ["type", *found.get("required", [])]
        definitions[name] = found
        branches.append({"$ref": f"#/$defs/{name}"})
    # By its role alone, for components that are made of others.
    definitions[role] = {"anyOf": branches}
    empty = [] if role == "retriever" else [{"type": "null"}]
    return {"anyOf": [{"$ref": f"#/$defs/{role}"}, *empty]}


def _laid_over(role: Role, definitions: dict[str, Any]) -> dict[str, Any]:
    """The same without required keys; which type they belong to may stand in another file."""
    branches = [
        {
            key: part
            for key, part in definitions[f"{role}-{entry.name}"].items()
            if key != "required"
        }
        for entry in entries(role)
    ]
    return {"anyOf": [*branches, {"type": "null"}]}
