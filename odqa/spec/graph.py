"""A pipeline as a graph: every stage with its id and the stages that feed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from odqa.registry import ROLES, Role
from odqa.spec.composition import ChainSpec, FusedSpec, SlotSpec
from odqa.spec.stage import StageSpec


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One stage of a pipeline; ``inputs`` are the ids of the stages that feed it."""

    id: str
    stage: StageSpec
    inputs: tuple[str, ...]

    @property
    def role(self) -> Role:
        """The stage's role."""
        return self.stage.role


@dataclass(frozen=True, slots=True)
class Graph:
    """All stages, each after those that feed it.

    ``retrieved`` and ``ranked`` are the ids of the stages whose hits leave the retriever's and the
    ranker's slot (the same without a ranker), ``answers`` that of the reader; `None` where there
    is none.
    """

    nodes: tuple[GraphNode, ...]
    retrieved: str | None
    ranked: str | None
    answers: str | None

    def __getitem__(self, node_id: str) -> GraphNode:
        return next(node for node in self.nodes if node.id == node_id)

    @property
    def with_hits(self) -> tuple[GraphNode, ...]:
        """The stages that give hits."""
        return tuple(node for node in self.nodes if ROLES[node.role].gives == "hits")

    def hit_inputs(self) -> Mapping[str, tuple[str, ...]]:
        """Of every stage that gives hits, those of its inputs that give hits too."""
        ids = {node.id for node in self.with_hits}
        return {node.id: tuple(i for i in node.inputs if i in ids) for node in self.with_hits}


def build_graph(
    rewriter: SlotSpec | None,
    retriever: SlotSpec | None,
    ranker: SlotSpec | None,
    reader: SlotSpec | None,
) -> Graph:
    """The graph of a pipeline's slots."""
    builder = _Builder()
    queries = None if rewriter is None else builder.add(rewriter, None, None)
    retrieved = None if retriever is None else builder.add(retriever, queries, None)
    ranked = retrieved if ranker is None else builder.add(ranker, queries, retrieved)
    answers = None if reader is None else builder.add(reader, queries, ranked)
    ids = _ids([stage for stage, _ in builder.stages])

    def id_at(position: int | None) -> str | None:
        return None if position is None else ids[position]

    nodes = tuple(
        GraphNode(node_id, stage, tuple(ids[position] for position in inputs))
        for node_id, (stage, inputs) in zip(ids, builder.stages, strict=True)
    )
    return Graph(nodes, id_at(retrieved), id_at(ranked), id_at(answers))


class _Builder:
    """Flattens compositions: a list of stages, each with the positions of those that feed it."""

    def __init__(self) -> None:
        self.stages: list[tuple[StageSpec, tuple[int, ...]]] = []

    def add(self, slot: SlotSpec, queries: int | None, hits: int | None) -> int:
        """Add a slot fed by the stages at these positions; returns that of its last stage."""
        if isinstance(slot, FusedSpec):
            members = tuple(self.add(member, queries, hits) for member in slot.members)
            return self._append(slot.method, members)
        if isinstance(slot, ChainSpec):
            for stage in slot.in_order():
                last = self.add(stage, queries, hits)
                if isinstance(stage, StageSpec) and stage.role == "rewriter":
                    queries = last
                else:
                    hits = last
            return last
        source = queries if ROLES[slot.role].takes == "queries" else hits
        return self._append(slot, () if source is None else (source,))

    def _append(self, stage: StageSpec, inputs: tuple[int, ...]) -> int:
        """Its position; that of an equal stage over the same input, which runs once."""
        if (stage, inputs) in self.stages:
            return self.stages.index((stage, inputs))
        self.stages.append((stage, inputs))
        return len(self.stages) - 1


def _ids(stages: Sequence[StageSpec]) -> list[str]:
    """An id for every stage: the spec's, else its type, with its role where that is ambiguous.

    A type that occurs in several roles gets its role appended (``retro-ranker``); a second one in
    the same role is numbered (``colbert-2``).
    """
    roles: dict[str, set[Role]] = {}
    for stage in stages:
        roles.setdefault(stage.type, set()).add(stage.role)
    used_ids = {stage.id for stage in stages if stage.id is not None}
    numbers: Counter[str] = Counter()
    ids = []
    for stage in stages:
        if stage.id is not None:
            ids.append(stage.id)
            continue
        base = stage.type if len(roles[stage.type]) == 1 else f"{stage.type}-{stage.role}"
        name = base
        while name in used_ids:
            numbers[base] += 1
            name = f"{base}-{numbers[base] + 1}"
        used_ids.add(name)
        ids.append(name)
    return ids
