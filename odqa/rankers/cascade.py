"""Rankers in a row: a cheap one sorts out, a dear one looks closely at what is left.

Multi-stage ranking (Matveeva et al. 2006; Nogueira et al. 2019, section 3). A ranker that adds the
incoming score to its own (``alpha``) keeps what those before it have found out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import Field

from odqa.explanation import Explanation
from odqa.interfaces import Cost, Ranker, StageConfig, Stored
from odqa.pipeline import make_component, run_stage
from odqa.spec.stage import NestedRanker, StageSpec
from odqa.types import Hit, Question

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class CascadeConfig(StageConfig):
    """Parameters of a cascade."""

    nested_rankers: ClassVar[tuple[str, ...]] = ("stages",)

    stages: tuple[NestedRanker, ...] = Field(
        min_length=2,
        description="Rankers, each a type and its parameters; the k of each is how many passages "
        "it leaves to the next.",
    )


class CascadeRanker(Ranker[CascadeConfig]):
    """Several rankers, each over what the one before it left.

    Its place on the map is that of its stages. Scores are those of the last one.
    """

    Config = CascadeConfig
    precomputes = ("what its rankers keep",)

    def __init__(self, config: CascadeConfig) -> None:
        super().__init__(config)
        self._rankers: list[tuple[StageSpec, Ranker[Any]]] = [
            (stage, cast("Ranker[Any]", make_component(stage))) for stage in config.stages
        ]

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        for _, ranker in self._rankers:
            ranker.prepare(corpus, cache)

    def rank(
        self, questions: Sequence[Question], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        """The best ``k`` of what the last ranker leaves.

        Raises:
            ComponentError: one of the rankers broke its contract.
        """
        for stage, ranker in self._rankers:
            hits = cast(list[list[Hit]], run_stage(stage, ranker, questions, hits))
        return [list(found[:k]) for found in hits]

    def explain(
        self, questions: Sequence[Question], hits: Sequence[Sequence[Hit]]
    ) -> list[list[Explanation]]:
        """What the last ranker looks at."""
        return self._rankers[-1][1].explain(questions, hits)

    def sources(self, cache: Cache) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for _, ranker in self._rankers:
            found |= ranker.sources(cache)
        return found

    def stored(self) -> tuple[Stored, ...]:
        return tuple(item for _, ranker in self._rankers for item in ranker.stored())

    def cost(self, question: Question, hits: Sequence[Hit]) -> Cost:
        """The sum over all rankers.

        Nothing is ranked for it: each is taken to get the first of ``hits``, as many as the one
        before it leaves.
        """
        costs = []
        for stage, ranker in self._rankers:
            costs.append(ranker.cost(question, hits))
            hits = hits[: stage.k]
        known = [cost.gflop for cost in costs if cost.gflop is not None]
        return Cost(
            sum(cost.parameters for cost in costs),
            sum(known) if len(known) == len(costs) else None,
        )

    def describe(self) -> Mapping[str, str]:
        """Facts about each ranker, behind its position and type."""
        return {
            f"{position} {stage.type}: {name}": fact
            for position, (stage, ranker) in enumerate(self._rankers, start=1)
            for name, fact in ranker.describe().items()
        }

    def close(self) -> None:
        for _, ranker in self._rankers:
            ranker.close()
