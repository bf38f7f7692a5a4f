"""``extends`` and ``--set``: one spec laid over another."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from odqa.errors import SpecError
from odqa.spec.source import KeyPath, Source, read_source

#: Survives when a stage changes its type: it means the same for every retriever and ranker.
_COMMON_KEYS = ("k",)


def read_with_parents(path: Path, _children: tuple[Path, ...] = ()) -> Source:
    """Read a spec and everything it extends, nearest last.

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
    target = (path.parent / parent).resolve()
    chain = (*_children, path.resolve())
    if target in chain:
        raise SpecError(f"extends itself through {parent}", where=where, cure="break the circle")
    if not target.is_file():
        raise SpecError(f"no such spec to extend: {parent}", where=where, cure="check the path")
    return lay_over(read_with_parents(target, chain), source)


def lay_over(base: Source, top: Source) -> Source:
    """``top`` wins key by key; ``null`` removes a stage; a new ``type`` resets its stage."""
    places = dict(base.places) | top.places
    return Source(_merge(base.data, top.data), places, top.origin or base.origin)


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    if "type" in top and "type" in base and top["type"] != base["type"]:
        base = {key: base[key] for key in _COMMON_KEYS if key in base}
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            value = _merge(below, value)
        merged[key] = value
    return merged


def apply_overrides(source: Source, overrides: Iterable[str]) -> Source:
    """Lay ``key.path=value`` words over a spec; values are YAML (``50``, ``true``, ``null``).

    Raises:
        SpecError: a word without ``=`` or with an empty key, or a value that is no YAML.
    """
    for word in overrides:
        key, equals, text = word.partition("=")
        where = f"--set {word}"
        path: KeyPath = tuple(key.strip().split("."))
        if not equals or not all(path):
            raise SpecError("expected key=value", where=where, cure="write --set ranker.k=50")
        try:
            value = yaml.safe_load(text) if text.strip() else ""
        except yaml.YAMLError:
            raise SpecError("the value is no YAML", where=where, cure="quote it") from None
        data: Any = value
        for part in reversed(path):
            data = {part: data}
        source = lay_over(source, Source(data, {path: where}, source.origin))
    return source
