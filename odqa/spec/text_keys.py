"""Which keys of a spec hold text: what ``--set`` gives them is taken as it is written."""

from __future__ import annotations

from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from odqa import registry
from odqa.errors import ComponentError, SpecError
from odqa.registry import SLOTS, Role
from odqa.spec.composition import DEFAULT_FUSION
from odqa.spec.problems import models_in
from odqa.spec.source import KeyPath, parse_value

#: Names, in the header and in every stage: text without spaces around it.
_NAMES = ("name", "description", "type", "id", "by")
_NULL = ("null", "Null", "NULL", "~")


def value_of(text: str, data: Any, path: KeyPath, where: str) -> Any:
    """The value that a text means for the key at a path of a spec's data.

    A key that holds text gets all of it, spaces too: ``query: `` is a prefix, not a mapping.
    Quoted text loses its quotes, and ``null`` is nothing. Any other key gets the YAML value.

    Raises:
        SpecError: no plain YAML.
    """
    if not holds_text(data, path) or text.strip() in _NULL:
        return parse_value(text, where)
    if text.lstrip()[:1] in ("'", '"'):
        try:
            unquoted = parse_value(text, where)
        except SpecError:
            unquoted = None
        if isinstance(unquoted, str):
            return unquoted
    return text.strip() if path[-1] in _NAMES else text


def holds_text(data: Any, path: KeyPath) -> bool:
    """Whether the key at a path holds text (or nothing).

    False for keys that no component has: they are reported when the spec is validated.
    """
    slot, *rest = path
    if slot in SLOTS and rest:
        return _in_slot(slot, data.get(slot), tuple(rest))
    return slot == "notices" if rest else slot in ("name", "description")


def _in_slot(role: Role, values: Any, path: KeyPath) -> bool:
    key, rest = path[0], path[1:]
    if isinstance(values, list):
        # Behind the first stage of a list stand rankers.
        return bool(rest) and _in_slot(role if key == 0 else "ranker", _part(values, key), rest)
    if key in ("type", "id", "by"):
        return not rest
    if key in SLOTS and "type" not in (values or ()):
        return bool(rest) and _in_slot(key, _part(values, key), rest)
    if key in ("fuse", "stages"):
        members = _part(values, key)
        return len(rest) > 1 and _in_slot(role, _part(members, rest[0]), rest[1:])
    return isinstance(values, dict) and _in_stage(role, values, path)


def _in_stage(role: Role, values: dict[str, Any], path: KeyPath) -> bool:
    if "fuse" in values:
        role, name = "fusion", values.get("by", DEFAULT_FUSION)
    else:
        name = values.get("type")
    try:
        return isinstance(name, str) and _is_text(registry.get(role, name).Config, path)
    except ComponentError:
        return False


def _is_text(model: type[BaseModel], path: KeyPath) -> bool:
    field = model.model_fields.get(str(path[0]))
    if field is None:
        return False
    if len(path) > 1:
        return any(_is_text(inner, path[1:]) for inner in models_in(field.annotation))
    return _kinds(field.annotation) - {NoneType} == {str}


def _kinds(annotation: Any) -> set[Any]:
    """The types of an annotation, unions taken apart."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    args = get_args(annotation) if NoneType in get_args(annotation) else ()
    return {kind for arg in args for kind in _kinds(arg)} if args else {annotation}


def _part(values: Any, key: str | int) -> Any:
    if isinstance(values, list):
        return values[key] if isinstance(key, int) and key < len(values) else None
    return values.get(key) if isinstance(values, dict) else None
