"""Roles and component types: name -> class, imported only when needed.

Third parties add types by entry point, in the groups ``odqa.rewriters``, ``odqa.retrievers``,
``odqa.fusions``, ``odqa.rankers`` and ``odqa.readers``::

    [project.entry-points."odqa.rankers"]
    my-ranker = "my_package.ranker:MyRanker"

or, in a notebook, by ``odqa.register("ranker", "my-ranker", MyRanker)``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from odqa.errors import ComponentError
from odqa.interfaces import (
    Component,
    ComponentConfig,
    Fusion,
    FusionConfig,
    Ranker,
    Reader,
    Retriever,
    Rewriter,
    RewriterConfig,
    StageConfig,
)
from odqa.suggest import did_you_mean

Role = Literal["rewriter", "retriever", "fusion", "ranker", "reader"]
Slot = Literal["rewriter", "retriever", "ranker", "reader"]
#: What flows between stages: texts to search for, hits, answers.
Value = Literal["queries", "hits", "answers"]


@dataclass(frozen=True, slots=True)
class RoleInfo:
    """What a role takes from the stages before it (beside the question) and what it gives.

    With ``several`` it takes the values of any number of stages, else of one or none.
    """

    base: Any
    config: type[ComponentConfig]
    takes: Value | None
    gives: Value
    verb: str
    several: bool = False


ROLES: Mapping[Role, RoleInfo] = {
    "rewriter": RoleInfo(Rewriter, RewriterConfig, "queries", "queries", "rewrite"),
    "retriever": RoleInfo(Retriever, StageConfig, "queries", "hits", "retrieve"),
    "fusion": RoleInfo(Fusion, FusionConfig, "hits", "hits", "fuse", several=True),
    "ranker": RoleInfo(Ranker, StageConfig, "hits", "hits", "rank"),
    "reader": RoleInfo(Reader, ComponentConfig, "hits", "answers", "read"),
}
#: The keys of a pipeline spec that hold stages; fusions stand inside of them.
SLOTS: tuple[Slot, ...] = ("rewriter", "retriever", "ranker", "reader")

#: Names with a meaning of their own in specs: a cascade is a list of rankers.
_RESERVED: Mapping[Role, tuple[str, ...]] = {"ranker": ("cascade",)}

_BUILT_IN: dict[Role, dict[str, str]] = {
    "rewriter": {
        "hyde": "odqa.rewriters.hyde:HydeRewriter",
        "keywords": "odqa.rewriters.keywords:KeywordsRewriter",
        "multi_query": "odqa.rewriters.multi_query:MultiQueryRewriter",
        "queries": "odqa.rewriters.query_file:QueryFileRewriter",
    },
    "retriever": {
        "bm25": "odqa.retrievers.bm25:Bm25Retriever",
        "colbert": "odqa.retrievers.colbert:ColbertRetriever",
        "dpr": "odqa.retrievers.dpr:DprRetriever",
        "dssm": "odqa.retrievers.dssm:DssmRetriever",
        "oracle": "odqa.retrievers.oracle:OracleRetriever",
        "retro": "odqa.retrievers.retro:RetroRetriever",
        "run": "odqa.retrievers.run_file:RunFileRetriever",
        "sentence": "odqa.retrievers.sentence:SentenceRetriever",
        "snrm": "odqa.retrievers.snrm:SnrmRetriever",
        "splade": "odqa.retrievers.splade:SpladeRetriever",
    },
    "fusion": {
        "min_max": "odqa.fusion.scores:MinMaxFusion",
        "rank": "odqa.fusion.ranks:RankFusion",
        "rrf": "odqa.fusion.ranks:ReciprocalRankFusion",
        "z_score": "odqa.fusion.scores:ZScoreFusion",
    },
    "ranker": {
        "colbert": "odqa.rankers.colbert:ColbertRanker",
        "cross_encoder": "odqa.rankers.cross_encoder:CrossEncoderRanker",
        "drmm": "odqa.rankers.drmm:DrmmRanker",
        "knrm": "odqa.rankers.knrm:KnrmRanker",
        "llm_listwise": "odqa.rankers.llm_listwise:LlmListwiseRanker",
        "llm_pointwise": "odqa.rankers.llm_pointwise:LlmPointwiseRanker",
        "monot5": "odqa.rankers.monot5:MonoT5Ranker",
        "retro": "odqa.rankers.retro:RetroRanker",
        "run": "odqa.rankers.run_file:RunFileRanker",
        "upr": "odqa.rankers.upr:UprRanker",
    },
    "reader": {
        "dpr": "odqa.readers.dpr:DprReader",
        "extractive": "odqa.readers.extractive:ExtractiveReader",
        "fid": "odqa.readers.fid:FidReader",
        "lm": "odqa.readers.lm:LmReader",
        "predictions": "odqa.readers.predictions:PredictionsReader",
        "rag_sequence": "odqa.readers.rag:RagSequenceReader",
        "rag_token": "odqa.readers.rag:RagTokenReader",
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
            ComponentError: the module cannot be imported, or the class has another role.
        """
        return _load(self)


_added: dict[tuple[Role, str], Entry] = {}
_objects: dict[str, type[Component[Any]]] = {}


def register(role: Role, name: str, target: type[Component[Any]] | str) -> None:
    """Add a type at run time (a notebook, a test).

    Args:
        role: one of `ROLES`.
        name: how specs call it; a name taken by another class is an error.
        target: the class, or ``"module:Class"``.
    """
    path = target if isinstance(target, str) else f"{target.__module__}:{target.__qualname__}"
    if name in _RESERVED.get(role, ()):
        raise ComponentError(
            f"{role} type '{name}' has a meaning of its own in specs", cure="choose another name"
        )
    entry = _find(role, name)
    if entry is not None and entry.target != path:
        raise ComponentError(
            f"{role} type '{name}' is taken by {entry.target} ({entry.origin})",
            cure="choose another name",
        )
    if not isinstance(target, str):
        _objects[path] = target
        _load.cache_clear()
    _added[role, name] = Entry(role, name, path, "registered at run time")


def unregister(role: Role, name: str) -> None:
    """Remove a type added by `register`; built-in types stay."""
    entry = _added.pop((role, name), None)
    if entry is not None:
        _objects.pop(entry.target, None)
        _load.cache_clear()


def entries(role: Role | None = None) -> Iterator[Entry]:
    """All known types, by role and name, without importing them."""
    for listed_role in ROLES if role is None else (role,):
        by_name = _plugins(listed_role) | {
            name: Entry(listed_role, name, target, "odqa")
            for name, target in _BUILT_IN[listed_role].items()
        }
        by_name |= {
            name: entry for (entry_role, name), entry in _added.items() if entry_role == listed_role
        }
        yield from (by_name[name] for name in sorted(by_name))


def get(role: Role, name: str) -> type[Component[Any]]:
    """The class behind a type name.

    Raises:
        ComponentError: no such type (with the nearest valid name), or it cannot be imported.
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

    plugins: dict[str, Entry] = {}
    for point in entry_points(group=f"odqa.{role}s"):
        package = point.dist.name if point.dist else "unknown package"
        if point.name in _BUILT_IN[role] or point.name in plugins:
            raise ComponentError(
                f"package {package} registers {role} type '{point.name}', which exists already",
                cure="uninstall it or ask its author to rename the type",
            )
        plugins[point.name] = Entry(role, point.name, point.value, package)
    return plugins


@cache
def _load(entry: Entry) -> type[Component[Any]]:
    if entry.target in _objects:
        kind: object = _objects[entry.target]
    else:
        module, _, attribute = entry.target.partition(":")
        try:
            kind = getattr(importlib.import_module(module), attribute)
        except Exception as error:
            # A plug-in is foreign code and may raise anything.
            why = f"{type(error).__name__}: {error}"
            raise ComponentError(
                f"{entry.role} type '{entry.name}' of {entry.origin} cannot be imported: {why}",
                cure="reinstall the package that brings it",
            ) from error
    base, config_base = ROLES[entry.role].base, ROLES[entry.role].config
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise ComponentError(
            f"{entry.target} of {entry.origin} is not a {entry.role}",
            cure=f"derive it from odqa.interfaces.{base.__name__}",
        )
    config = getattr(kind, "Config", None)
    if not (isinstance(config, type) and issubclass(config, config_base)):
        raise ComponentError(
            f"{entry.target} of {entry.origin} has no Config of a {entry.role}",
            cure=f"give it a Config that derives from odqa.interfaces.{config_base.__name__}",
        )
    if "type" in config.model_fields:
        raise ComponentError(
            f"{entry.target} of {entry.origin} has a parameter named 'type'",
            cure="rename it: 'type' is how specs choose the component",
        )
    return kind
