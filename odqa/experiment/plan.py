"""Which stages have to run: pipelines that begin alike share their first stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from odqa.cache import content_key
from odqa.registry import Role
from odqa.spec.pipeline import PipelineSpec
from odqa.spec.stage import StageSpec


@dataclass(frozen=True, slots=True)
class Node:
    """One stage fed by one upstream result; ``key`` is the content hash of all that decides it."""

    stage: StageSpec
    key: str
    upstream: str | None
    identity: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Plan:
    """All nodes in an order in which each comes after the one that feeds it."""

    nodes: tuple[Node, ...]
    #: pipeline name -> role -> node key
    chains: Mapping[str, Mapping[Role, str]]

    def shared_by(self, key: str) -> list[str]:
        """The pipelines that use a node."""
        return [name for name, chain in self.chains.items() if key in chain.values()]


def make_plan(
    specs: Sequence[PipelineSpec],
    corpus: str,
    questions: str,
    sources: Callable[[StageSpec], Mapping[str, str]],
) -> Plan:
    """Chain the stages of every pipeline and merge equal prefixes.

    Args:
        corpus: fingerprint of the corpus.
        questions: fingerprint of the question set.
        sources: content hashes of the files that a stage names.
    """
    nodes: dict[str, Node] = {}
    chains: dict[str, dict[Role, str]] = {}
    for spec in specs:
        upstream: str | None = None
        chain: dict[Role, str] = {}
        for stage in spec.stages:
            identity = {
                "role": stage.role,
                "stage": stage.identity(),
                "sources": dict(sources(stage)),
                "upstream": upstream,
                "corpus": corpus,
                "questions": questions,
                **running(stage),
            }
            key = content_key(identity)
            nodes.setdefault(key, Node(stage, key, upstream, identity))
            chain[stage.role] = upstream = key
        chains[spec.name] = chain
    return Plan(tuple(nodes.values()), chains)


def running(stage: StageSpec) -> dict[str, object]:
    """How a stage is to run (device, batch size), where its spec says so.

    It changes no result beyond rounding, and so neither a spec's hash nor an index; but a record
    of seconds on one device must not be shown for another.
    """
    said = dict(stage.config.running())
    return {"running": said} if said else {}
