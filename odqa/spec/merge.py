"""``extends`` and ``--set``: one spec laid over another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from odqa.data.paths import is_file
from odqa.errors import SpecError
from odqa.registry import SLOTS
from odqa.spec.composition import DEFAULT_FUSION
from odqa.spec.locate import built_in_specs
from odqa.spec.source import KeyPath, Source, read_source
from odqa.spec.text_keys import value_of

_MOST_PARENTS = 50
#: Of the number of an item in a list.
_MOST_DIGITS = 9
#: The keys that tell what a slot holds: a stage, a fusion, or a retriever with its own rewriter.
_KINDS = ("type", "fuse", "retriever")
#: What survives of a stage under one of another type: it means the same for every one of them.
_COMMON_KEYS = ("k",)
#: What survives of a fusion under another method.
_FUSION_KEYS = ("fuse", "weights", "k")


def read_with_parents(path: Path, _children: tuple[Path, ...] = ()) -> Source:
    """Read a spec and everything it extends, nearest last.

    ``extends`` names a file relative to the one it stands in, or a built-in spec.

    Raises:
        SpecError: as `read_source`, and when specs extend each other in a circle.
    """
    source = read_source(path)
    parent = source.data.pop("extends", None)
    if parent is None:
        return source
    where = source.where(("extends",))
    if not isinstance(parent, str):
        raise SpecError("expected the path of one spec", where=where)
    target = path.parent / parent
    if not is_file(target):
        target = built_in_specs().get(parent, target)
    chain = (*_children, path.resolve())
    if len(chain) > _MOST_PARENTS:
        raise SpecError(f"more than {_MOST_PARENTS} specs extend each other", where=where)
    if is_file(target) and target.resolve() in chain:
        raise SpecError(f"extends itself through {parent}", where=where, cure="break the circle")
    if not is_file(target):
        cure = "name a file relative to this one, or a built-in pipeline"
        raise SpecError(f"no such spec to extend: '{parent}'", where=where, cure=cure)
    return lay_over(read_with_parents(target.resolve(), chain), source)


def lay_over(base: Source, top: Source) -> Source:
    """``top`` wins key by key; ``null`` removes a stage; a new ``type`` or ``by`` resets it."""
    places = dict(base.places) | top.places
    return Source(_merge(base.data, top.data), places, top.origin or base.origin)


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            value = _merge(_kept(below, value), value)
        elif isinstance(value, _Item) and isinstance(below, list):
            value = value.laid_over(below)
        merged[key] = value
    return merged


def _kept(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """What is left of a stage where ``top`` puts another, or another composition, in its place."""
    before, after = (next((key for key in _KINDS if key in each), None) for each in (base, top))
    if None not in (before, after) and (before != after or _changes("type", base, top)):
        keys: tuple[str, ...] = () if after == "retriever" else _COMMON_KEYS
    elif before == "fuse" and _changes("by", {"by": DEFAULT_FUSION, **base}, top):
        keys = _FUSION_KEYS
    else:
        return base
    return {key: base[key] for key in keys if key in base}


def _changes(key: str, base: dict[str, Any], top: dict[str, Any]) -> bool:
    return key in top and top[key] != base.get(key)


@dataclass(frozen=True, slots=True)
class _Item:
    """The new value of one item of a list; the other items stay as they are."""

    position: int
    value: Any

    def laid_over(self, items: list[Any]) -> list[Any]:
        merged = _merge({"item": items[self.position]}, {"item": self.value})["item"]
        return [*items[: self.position], merged, *items[self.position + 1 :]]


@dataclass(frozen=True, slots=True)
class Override:
    """One ``--set key.path=value`` argument, the value as it is written."""

    text: str
    path: KeyPath
    value: str

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"--set {self.text}"

    @property
    def stage(self) -> str | None:
        """The slot that must hold a stage for this override to apply; `None`: it always applies."""
        return str(self.path[0]) if self.path[0] in SLOTS and not self.makes_stage else None

    @property
    def makes_stage(self) -> bool:
        """Whether it sets the type of a stage, or replaces the stage."""
        return len(self.path) == 1 or self.path[1:] == ("type",)


def parse_overrides(texts: Iterable[str]) -> list[Override]:
    """Parse ``--set`` arguments; what their values mean depends on the spec (`value_of`).

    Raises:
        SpecError: an argument without ``=`` or with an empty key.
    """
    overrides = []
    for text in texts:
        key, equals, value = text.partition("=")
        where = f"--set {text}"
        path: KeyPath = tuple(part.strip() for part in key.split("."))
        if not equals or not all(path):
            raise SpecError("expected key=value", where=where, cure="write --set ranker.k=50")
        overrides.append(Override(text, path, value.lstrip() if key[-1].isspace() else value))
    # Their order does not matter: what resets a stage comes before what is set in it.
    return sorted(overrides, key=lambda o: (len(o.path), o.path[-1] not in ("type", "by")))


def apply_overrides(
    source: Source, overrides: Iterable[Override]
) -> tuple[Source, tuple[Override, ...]]:
    """Lay overrides over a spec; also returns those that applied to it.

    A key of a stage that the spec does not have is skipped: ``ranker.k=50`` is for the pipelines
    with a ranker. ``ranker.type=…`` adds the stage.

    Raises:
        SpecError: an item of a list that it does not have, or a value that is not plain YAML.
    """
    applied = []
    for override in overrides:
        if override.stage is not None and source.data.get(override.stage) is None:
            continue
        path, depth = _resolve(override, source.data)
        value = value_of(override.value, source.data, path, override.where)
        source = with_value(source, path, depth, value, override.where)
        applied.append(override)
    return source, tuple(applied)


def with_value(source: Source, path: KeyPath, depth: int, value: Any, where: str) -> Source:
    """Lay one value over a spec; ``depth`` is how many keys of the path the spec has."""
    data = value
    for part in reversed(path):
        data = _Item(part, data) if isinstance(part, int) else {part: data}
    # Keys above it that the spec lacks come from the value too: errors there must name it.
    added = [path[:n] for n in range(max(depth, 1) + 1, len(path))]
    return lay_over(source, Source(data, dict.fromkeys([*added, path], where), source.origin))


def item_index(part: str | int, items: list[Any]) -> int | None:
    """The number of an item, counted from 0, that a part of a key means; `None`: it means none."""
    text = str(part)
    # More digits than any list has items; Python refuses to convert thousands of them.
    if not text.isdecimal() or len(text) > _MOST_DIGITS or int(text) >= len(items):
        return None
    return int(text)


def _resolve(override: Override, data: Any) -> tuple[KeyPath, int]:
    """The path, with numbers for items of lists, and how many of its parts the spec has.

    Raises:
        SpecError: no such item.
    """
    path: list[str | int] = []
    depth = 0
    for part in override.path:
        if isinstance(data, list):
            index = item_index(part, data)
            if index is None:
                raise SpecError(
                    f"{'.'.join(map(str, path))}: a list of {len(data)}, which has no '{part}'",
                    where=override.where,
                    cure=f"count its items from 0 to {len(data) - 1}" if data else "give it whole",
                )
            path.append(index)
            data = data[index]
        else:
            path.append(part)
            data = data.get(part) if isinstance(data, dict) else None
        depth += data is not None
    return tuple(path), depth
