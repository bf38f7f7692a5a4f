"""Everything that one pipeline of a comparison returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from odqa.comparison.costs import StageCost
from odqa.execution.latency import Latency
from odqa.explanation import Explanation
from odqa.spec.pipeline import PipelineSpec
from odqa.types import Answer, Hit


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """Everything one pipeline returned, by question id.

    ``retrieved`` and ``ranked`` are the hits that left those slots. By stage id, ``inner`` are the
    hits of stages inside of them, and ``texts`` the queries of rewriters; version 0.1.0 kept
    neither.
    """

    spec: PipelineSpec
    retrieved: Mapping[str, list[Hit]]
    ranked: Mapping[str, list[Hit]]
    answers: Mapping[str, Answer] | None
    costs: tuple[StageCost, ...]
    latency: Latency | None = None
    #: The ranker's explanations of the best passages of some questions.
    explanations: Mapping[str, tuple[Explanation, ...]] = field(default_factory=dict)
    inner: Mapping[str, Mapping[str, list[Hit]]] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)

    def hits_of(self, stage: str) -> Mapping[str, list[Hit]]:
        """Hits of a stage by question id; empty where the run kept none."""
        graph = self.spec.graph
        # The ranker's slot comes last: without a ranker its stage is the retriever's.
        ends = {graph.retrieved: self.retrieved, graph.ranked: self.ranked}
        return ends[stage] if stage in ends else self.inner.get(stage, {})
