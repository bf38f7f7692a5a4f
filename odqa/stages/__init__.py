"""Pipelines from Python by operators, and every component by itself.

::

    from odqa.stages import bm25, colbert, extractive, sentence

    pipeline = (bm25(k=100) + sentence(k=100)) >> colbert(k=20) >> extractive()
    odqa.compare([pipeline, "embedded/sbert-colbert"])

    with sentence(k=5).open("embedded") as retriever:
        retriever.search("who designed the eiffel tower")

Every registered type is an attribute under its name; a type of several roles has its role appended
(``retro_retriever``, ``retro_ranker``, ``retro_reader``). Where a second role came later the first
keeps the name alone too: ``colbert`` is the ranker, ``dpr`` the retriever. Types registered at run
time are attributes too; other characters than letters and digits become underscores.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from odqa.registry import SLOTS, Slot, entries
from odqa.stages.part import Part, fuse, stage

__all__ = ["Part", "fuse", "stage"]

#: Types that had one role in version 0.1.0: their name alone still means it.
_FIRST_ROLES: dict[str, Slot] = {"colbert": "ranker", "dpr": "retriever"}


def __getattr__(name: str) -> Callable[..., Part]:
    if name.startswith("__"):
        raise AttributeError(name)
    types = _names()
    if name not in types:
        with_roles = [other for other in types if other.startswith(f"{name}_")]
        hint = f"; there are {', '.join(with_roles)}" if with_roles else ""
        raise AttributeError(f"no component type '{name}'{hint}")
    role, type_name = types[name]

    def make(*, id: str | None = None, **parameters: Any) -> Part:  # noqa: A002
        return stage(role, type_name, id=id, **parameters)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"A {role} of type '{type_name}'; the parameters are those of its spec."
    return make


def __dir__() -> list[str]:
    return sorted([*__all__, *_names()])


def _names() -> dict[str, tuple[Slot, str]]:
    """Attribute name -> role and registered type."""
    types: dict[str, list[Slot]] = {}
    for slot in SLOTS:
        for entry in entries(slot):
            types.setdefault(entry.name, []).append(slot)
    names: dict[str, tuple[Slot, str]] = {}
    for type_name, slots in types.items():
        plain = re.sub(r"\W", "_", type_name)
        for slot in slots:
            names[plain if len(slots) == 1 else f"{plain}_{slot}"] = (slot, type_name)
            if _FIRST_ROLES.get(type_name) == slot:
                names[plain] = (slot, type_name)
    return names
