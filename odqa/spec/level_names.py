"""Short names of the levels of a grid, and of its pipelines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from odqa.registry import SLOTS
from odqa.spec.composition import DEFAULT_FUSION
from odqa.spec.stage import LONGEST_NAME, name_problem

#: The level of an empty slot; names of pipelines leave it out.
NONE = "none"
#: Characters of the name of a level at most.
_LONGEST = 40


def slot_labels(values: Sequence[Any]) -> list[str]:
    """A name for each value of a slot: ids or types, and what else tells two of them apart."""
    values = [{"type": value} if isinstance(value, str) else value for value in values]
    labels = [_stage_label(value) for value in values]
    for label in [label for label, n in Counter(labels).items() if n > 1]:
        places = [n for n, other in enumerate(labels) if other == label]
        leaves = [dict(_leaves(values[n], "")) for n in places]
        keys = dict.fromkeys(key for each in leaves for key in each if key != "type")
        telling = [key for key in keys if len({repr(each.get(key)) for each in leaves}) > 1]
        for place, each in zip(places, leaves, strict=True):
            parts = [_key_and_value(key, each[key]) for key in telling if key in each]
            labels[place] = "-".join([label, *parts])
    return _distinct([label[:_LONGEST] for label in labels])


def value_labels(values: Sequence[Any]) -> list[str]:
    """A name for each value of any other key."""
    return _distinct([_value_label(value)[:_LONGEST] or NONE for value in values])


def pipeline_name(levels: Sequence[tuple[str, str | None]], taken: set[str]) -> str:
    """A name that no other has, made of the levels of all factors that have several.

    Args:
        levels: factor and level, the latter `None` where the pipeline lacks the key.
        taken: the names so far.
    """
    parts = [
        level
        if key in SLOTS or "." not in key
        else f"{key}{'' if level[0].isdigit() else '-'}{level}"
        for key, level in levels
        if level is not None and not (level == NONE and key in SLOTS)
    ]
    name = _plain("-".join(parts)) or NONE
    numbered = (f"{name[: LONGEST_NAME - 5]}.{n}" for n in range(2, len(taken) + 3))
    if len(name) <= LONGEST_NAME and name not in taken and not name_problem(name):
        return name
    return next(each for each in numbered if each not in taken)


def _stage_label(value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, list):
        return _plain("-".join(map(_stage_label, value))) or NONE
    if not isinstance(value, Mapping):
        return _plain(str(value)) or NONE
    if isinstance(value.get("id"), str):
        return _plain(value["id"]) or NONE
    if isinstance(value.get("fuse"), list):
        by = value.get("by", DEFAULT_FUSION)
        label = "+".join(map(_stage_label, value["fuse"]))
        return _plain(label if by == DEFAULT_FUSION else f"{label}-{by}")
    if isinstance(value.get("stages"), list):
        return _stage_label(value["stages"])
    inner = [value[slot] for slot in SLOTS if value.get(slot) is not None]
    return _stage_label(inner) if inner else _plain(str(value.get("type"))) or NONE


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, str(key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _leaves(inner, path or str(position))
    else:
        yield path, value


def _key_and_value(key: str, value: Any) -> str:
    """``k20`` for a number, the value alone for a text."""
    label = _value_label(value)
    return label if isinstance(value, str) else f"{_plain(key)}{label}"


def _value_label(value: Any) -> str:
    if isinstance(value, str):
        # Of a checkpoint or path its last part.
        return _plain(re.split(r"[/:]", value.rstrip("/:"))[-1])
    if isinstance(value, bool) or value is None:
        return {True: "on", False: "off", None: NONE}[value]
    if isinstance(value, Mapping):
        parts = [_key_and_value(str(key), inner) for key, inner in value.items()]
        return "-".join(parts)
    if isinstance(value, list):
        return "-".join(map(_value_label, value))
    return _plain(f"{value:g}" if isinstance(value, float) else str(value))


def _plain(text: str) -> str:
    """What a name may hold, beginning with a letter or digit and ending in no full stop."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text).lstrip("._+-").rstrip(".-")


def _distinct(labels: Sequence[str]) -> list[str]:
    """Equal ones numbered."""
    numbers: Counter[str] = Counter()
    distinct: list[str] = []
    for label in labels:
        candidate = label
        while candidate in distinct or (candidate != label and candidate in labels):
            numbers[label] += 1
            candidate = f"{label}.{numbers[label] + 1}"
        distinct.append(candidate)
    return distinct
