"""What a slot of a spec can hold: a stage, a fusion of several, or one after the other.

::

    retriever:
      fuse: [{type: bm25}, {type: sentence}]      # any number, each a stage or a composition
      by: rrf                                     # a registered fusion, its parameters beside it
    ranker:
      - {type: colbert, k: 20}                    # a list is a cascade
      - {type: cross_encoder, k: 10}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from odqa.spec.stage import StageSpec

#: The fusion used where a spec names none.
DEFAULT_FUSION = "rrf"


@dataclass(frozen=True, slots=True)
class FusedSpec:
    """Several stages or compositions over the same input, their hits made one list."""

    members: tuple[SlotSpec, ...]
    method: StageSpec

    @property
    def k(self) -> int:
        """How many passages it returns per question."""
        return self.method.k

    def cut(self, k: int) -> Self:
        """The same with at most ``k`` passages per question."""
        return replace(self, method=self.method.cut(k))

    def leaves(self) -> tuple[StageSpec, ...]:
        """All stages in the order in which they run, the fusion last."""
        return (*(leaf for member in self.members for leaf in member.leaves()), self.method)

    def identity(self) -> dict[str, Any]:
        """What decides its results, as plain values."""
        members = [member.identity() for member in self.members]
        return {"fuse": members, "by": self.method.identity()}

    def to_dict(self, defaults: bool = False) -> dict[str, Any]:
        """Plain data that parses to an equal one."""
        plain: dict[str, Any] = {"fuse": [member.to_dict(defaults) for member in self.members]}
        if defaults or self.method.type != DEFAULT_FUSION:
            plain["by"] = self.method.type
        if self.method.id is not None:
            plain["id"] = self.method.id
        return plain | self.method.parameters(defaults)


@dataclass(frozen=True, slots=True)
class ChainSpec:
    """Stages or compositions one after the other, each over what the one before it left.

    Rankers are a cascade. In the retriever's slot (or a member of a fusion there) it is a rewriter,
    if any, then a retriever, then rankers. ``last_k`` cuts what the last stage returns
    (``type: cascade`` has it as ``k``).
    """

    stages: tuple[SlotSpec, ...]
    last_k: int | None = None

    @property
    def k(self) -> int:
        """How many passages it returns per question."""
        k = self.stages[-1].k
        return k if self.last_k is None else min(k, self.last_k)

    def cut(self, k: int) -> Self:
        """The same with at most ``k`` passages per question."""
        if self.k <= k:
            return self
        return replace(self, stages=(*self.stages[:-1], self.stages[-1].cut(k)), last_k=None)

    def in_order(self) -> tuple[SlotSpec, ...]:
        """The stages as they run, no chains among them; the last is cut to ``last_k``."""
        last = self.stages[-1]
        stages = (*self.stages[:-1], last if self.last_k is None else last.cut(self.last_k))
        return tuple(
            inner
            for stage in stages
            for inner in (stage.in_order() if isinstance(stage, ChainSpec) else (stage,))
        )

    def leaves(self) -> tuple[StageSpec, ...]:
        """All stages in the order in which they run."""
        return tuple(leaf for stage in self.in_order() for leaf in stage.leaves())

    def identity(self) -> dict[str, Any]:
        """What decides its results; a list of rankers has the identity of ``type: cascade``."""
        stages = [stage.identity() for stage in self.stages]
        if all(leaf.role in ("ranker", "fusion") for leaf in self.leaves()):
            k = self.stages[-1].k if self.last_k is None else self.last_k
            return {"type": "cascade", "version": 1, "config": {"k": k, "stages": stages}}
        return {"chain": stages}

    def to_dict(self, defaults: bool = False) -> dict[str, Any] | list[Any]:
        """Plain data that parses to an equal one."""
        plain = [stage.to_dict(defaults) for stage in self.stages]
        first = self.stages[0]
        if isinstance(first, StageSpec) and first.role == "rewriter":
            behind = ChainSpec(self.stages[1:]).to_dict(defaults)
            return {"rewriter": plain[0], "retriever": behind}
        if self.last_k is None:
            return plain
        return {"type": "cascade", "k": self.last_k, "stages": plain}


SlotSpec = StageSpec | FusedSpec | ChainSpec


def chain(stages: Sequence[SlotSpec]) -> ChainSpec:
    """Stages one after the other; chains among them are flattened."""
    flat: list[SlotSpec] = []
    for stage in stages:
        flat += stage.in_order() if isinstance(stage, ChainSpec) else [stage]
    return ChainSpec(tuple(flat))
