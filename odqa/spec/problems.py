"""pydantic's errors -> one-line errors with file, line, key and the nearest valid name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from odqa.errors import SpecError
from odqa.spec.source import KeyPath, Source
from odqa.suggest import did_you_mean

M = TypeVar("M", bound=BaseModel)

#: Messages name what YAML holds; pydantic's own name Python types.
_EXPECTED = {
    "model_type": "keys and values",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "keys and values",
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
}


def build(
    model: type[M],
    values: Mapping[str, Any],
    source: Source,
    at: KeyPath,
    problems: list[SpecError],
) -> M | None:
    """Validate ``values``, which stand at ``at`` in ``source``; append errors to ``problems``.

    Returns `None` when a value is invalid. Validation follows JSON's rules: no silent conversion
    of text to numbers, lists where tuples are declared.
    """
    try:
        text = json.dumps(values, allow_nan=False)
    except (TypeError, ValueError) as error:
        problems.append(SpecError(f"not plain values ({error})", where=source.where(at)))
        return None
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        problems += [_problem(detail, model, source, at) for detail in error.errors()]
        return None


def _problem(detail: Any, model: type[BaseModel], source: Source, at: KeyPath) -> SpecError:
    # Union branches add their class or tag to the location; keep only keys of the spec.
    path: KeyPath = at
    for part in detail["loc"]:
        if (*path, part) in source.places or part == detail["loc"][-1]:
            path = (*path, part)
    where = source.where(path)
    kind, context = detail["type"], detail.get("ctx", {})
    value = _shortened(detail.get("input"))
    if kind == "extra_forbidden":
        keys = _fields_at(model, detail["loc"][:-1])
        return SpecError(
            f"unknown key '{detail['loc'][-1]}'",
            where=where,
            cure=did_you_mean(str(detail["loc"][-1]), keys),
        )
    if kind == "missing":
        return SpecError("this key is missing", where=where, cure="add it")
    if kind == "literal_error":
        choices = [c.strip("'") for c in context["expected"].replace(" or ", ", ").split(", ")]
        cure = did_you_mean(str(detail.get("input")), choices)
        return SpecError(f"{value} is not a value of this key", where=where, cure=cure)
    if kind == "string_pattern_mismatch":
        cure = f"it has to fit {context['pattern']}"
        return SpecError(f"{value} is not a value of this key", where=where, cure=cure)
    if kind == "union_tag_invalid":
        tag, choices = context["tag"], context["expected_tags"].replace("'", "").split(", ")
        where = source.where((*path, context["discriminator"].strip("'")))
        return SpecError(f"unknown type '{tag}'", where=where, cure=did_you_mean(tag, choices))
    if kind == "too_short":
        return SpecError(f"expected at least {context['min_length']}, got {value}", where=where)
    if kind in _EXPECTED:
        return SpecError(f"expected {_EXPECTED[kind]}, got {value}", where=where)
    message = detail["msg"].removeprefix("Value error, ")
    message = re.sub("^Input should be ", "expected ", message)
    if kind == "value_error" and isinstance(detail.get("input"), Mapping):
        # Keys that do not go together: the message names them.
        return SpecError(message, where=where)
    return SpecError(f"{message}, got {value}", where=where)


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _fields_at(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    current: Any = model
    for part in loc:
        field = current.model_fields.get(part) if _is_model(current) else None
        if field is None:
            # A tagged union puts the tag of the chosen branch into the location.
            current = next((m for m in models_in(current) if _tagged(m, part)), current)
            continue
        inner = models_in(field.annotation)
        current = inner[0] if len(inner) == 1 else field.annotation
    return sorted(name for m in models_in(current) for name in m.model_fields)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _tagged(model: type[BaseModel], tag: object) -> bool:
    return any(field.default == tag for field in model.model_fields.values())


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models among the types of an annotation."""
    if _is_model(annotation):
        return [annotation]
    return [m for arg in getattr(annotation, "__args__", ()) for m in models_in(arg)]
