"""Which component types exist: name -> class, imported only when asked for.

Third parties add theirs by entry point, in the groups ``odqa.retrievers``, ``odqa.rankers`` and
``odqa.readers``::

    [project.entry-points."odqa.rankers"]
    my-ranker = "my_package.ranker:MyRanker"

or, in a notebook, by ``odqa.register("ranker", "my-ranker", MyRanker)``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from odqa.errors import ComponentError
from odqa.interfaces import Component, ComponentConfig, Ranker, Reader, Retriever, StageConfig
from odqa.suggest import did_you_mean

Role = Literal["retriever", "ranker", "reader"]
ROLES: tuple[Role, ...] = get_args(Role)

_BASES: dict[Role, Any] = {"retriever": Retriever, "ranker": Ranker, "reader": Reader}

_BUILT_IN: dict[Role, dict[str, str]] = {
    "retriever": {
        "bm25": "odqa.retrievers.bm25:Bm25Retriever",
        "dpr": "odqa.retrievers.dpr:DprRetriever",
        "oracle": "odqa.retrievers.oracle:OracleRetriever",
        "retro": "odqa.retrievers.retro:RetroRetriever",
        "run": "odqa.retrievers.run_file:RunFileRetriever",
        "sentence": "odqa.retrievers.sentence:SentenceRetriever",
    },
    "ranker": {
        "cascade": "odqa.rankers.cascade:CascadeRanker",
        "colbert": "odqa.rankers.colbert:ColbertRanker",
        "cross_encoder": "odqa.rankers.cross_encoder:CrossEncoderRanker",
        "retro": "odqa.rankers.retro:RetroRanker",
        "run": "odqa.rankers.run_file:RunFileRanker",
    },
    "reader": {
        "extractive": "odqa.readers.extractive:ExtractiveReader",
        "predictions": "odqa.readers.predictions:PredictionsReader",
        "retro": "odqa.readers.retro:RetroReader",
    },
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered type: where it comes from, and its class once imported."""

    role: Role
    name: str
    target: str
    origin: str

    def load(self) -> type[Component[Any]]:
        """Import the class and check that it plays its role.

        Raises:
            ComponentError: the module cannot be imported, or the class is of another kind.
        """
        return _load(self)


_added: dict[tuple[Role, str], Entry] = {}
_objects: dict[str, type[Component[Any]]] = {}


def register(role: Role, name: str, target: type[Component[Any]] | str) -> None:
    """Add a type at run time (a notebook, a test).

    Args:
        role: retriever, ranker or reader.
        name: how specs call it; a name taken by another class is an error.
        target: the class, or ``"module:Class"``.
    """
    path = target if isinstance(target, str) else f"{target.__module__}:{target.__qualname__}"
    taken = _find(role, name)
    if taken is not None and taken.target != path:
        raise ComponentError(
            f"{role} type '{name}' is taken by {taken.target} ({taken.origin})",
            cure="choose another name",
        )
    if not isinstance(target, str):
        _objects[path] = target
        _load.cache_clear()
    _added[role, name] = Entry(role, name, path, "registered at run time")


def unregister(role: Role, name: str) -> None:
    """Take back what `register` added; built-in types stay."""
    entry = _added.pop((role, name), None)
    if entry is not None:
        _objects.pop(entry.target, None)
        _load.cache_clear()


def entries(role: Role | None = None) -> Iterator[Entry]:
    """All known types, by role and name, without importing them."""
    for each in ROLES if role is None else (role,):
        known = _plugins(each) | {
            name: Entry(each, name, target, "odqa") for name, target in _BUILT_IN[each].items()
        }
        known |= {name: entry for (r, name), entry in _added.items() if r == each}
        yield from (known[name] for name in sorted(known))


def get(role: Role, name: str) -> type[Component[Any]]:
    """The class behind a type name.

    Raises:
        ComponentError: no such type (with the nearest right name), or it cannot be imported.
    """
    entry = _find(role, name)
    if entry is None:
        names = [e.name for e in entries(role)]
        raise ComponentError(f"unknown {role} type '{name}'", cure=did_you_mean(name, names))
    return entry.load()


def _find(role: Role, name: str) -> Entry | None:
    return next((e for e in entries(role) if e.name == name), None)


@cache
def _plugins(role: Role) -> dict[str, Entry]:
    from importlib.metadata import entry_points

    found: dict[str, Entry] = {}
    for point in entry_points(group=f"odqa.{role}s"):
        package = point.dist.name if point.dist else "unknown package"
        if point.name in _BUILT_IN[role] or point.name in found:
            raise ComponentError(
                f"package {package} registers {role} type '{point.name}', which exists already",
                cure="uninstall it or ask its author to rename the type",
            )
        found[point.name] = Entry(role, point.name, point.value, package)
    return found


@cache
def _load(entry: Entry) -> type[Component[Any]]:
    if entry.target in _objects:
        found: object = _objects[entry.target]
    else:
        module, _, attribute = entry.target.partition(":")
        try:
            found = getattr(importlib.import_module(module), attribute)
        except Exception as error:
            # A plug-in is foreign code: whatever it raises, the cause is not in odqa.
            why = f"{type(error).__name__}: {error}"
            raise ComponentError(
                f"{entry.role} type '{entry.name}' of {entry.origin} cannot be imported: {why}",
                cure="reinstall the package that brings it",
            ) from error
    base = _BASES[entry.role]
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ComponentError(
            f"{entry.target} of {entry.origin} is not a {entry.role}",
            cure=f"derive it from odqa.interfaces.{base.__name__}",
        )
    config = getattr(found, "Config", None)
    wanted = ComponentConfig if entry.role == "reader" else StageConfig
    if not (isinstance(config, type) and issubclass(config, wanted)):
        raise ComponentError(
            f"{entry.target} of {entry.origin} has no Config of a {entry.role}",
            cure=f"give it a Config that derives from odqa.interfaces.{wanted.__name__}",
        )
    if "type" in config.model_fields:
        raise ComponentError(
            f"{entry.target} of {entry.origin} has a parameter named 'type'",
            cure="rename it: 'type' is how specs choose the component",
        )
    return found
