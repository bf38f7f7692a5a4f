"""One pipeline over a batch of questions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from odqa.execution.call import Feed, Output, call_stage
from odqa.execution.components import make_component
from odqa.execution.gate import Gate
from odqa.interfaces import Component
from odqa.meters.usage import Usage, tally
from odqa.registry import ROLES
from odqa.spec.pipeline import PipelineSpec, load_pipeline
from odqa.types import Answer, Hit, Question

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


@dataclass(frozen=True, slots=True)
class PipelineOutput:
    """What every stage returned for a batch, one entry per question, in order.

    ``retrieved`` and ``ranked`` are the hits that left those slots: empty without a retriever,
    equal without a ranker. ``answers`` is `None` without a reader. ``stages`` holds what every
    stage gave and ``seconds`` its wall time for the whole batch, by the stage's id; ``usage`` what
    it asked language models, of those stages that do.
    """

    retrieved: list[list[Hit]]
    ranked: list[list[Hit]]
    answers: list[Answer] | None
    stages: Mapping[str, Sequence[Output]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    usage: Mapping[str, Usage] = field(default_factory=dict)


class Pipeline:
    """All stages of a spec, ready after `prepare`; ``components`` holds them by id.

    Several threads may use it at once: each gets what it would get alone. `prepare` and `close`
    wait until no thread is in `run`, which afterwards raises one `ComponentError` until the
    pipeline is prepared again.
    """

    def __init__(self, spec: PipelineSpec) -> None:
        self.spec = spec
        self.components: dict[str, Component[Any]] = {
            node.id: make_component(node.stage) for node in spec.graph.nodes
        }
        self._gate = Gate()

    @classmethod
    def from_spec(cls, spec: PipelineSpec | str | Path, overrides: Iterable[str] = ()) -> Pipeline:
        """From a validated spec, a spec file, or the name of a built-in one.

        Raises:
            SpecErrors: everything that is wrong with the file.
        """
        return cls(spec if isinstance(spec, PipelineSpec) else load_pipeline(spec, overrides))

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """All offline work of all stages; idempotent."""
        with self._gate.alone():
            for component in self.components.values():
                component.prepare(corpus, cache)

    def run(
        self, questions: Sequence[Question], hits: Sequence[list[Hit]] | None = None
    ) -> PipelineOutput:
        """Answer a batch of questions.

        Args:
            hits: input of the first stages that take hits, if there is no retriever.
        """
        with self._gate.using():
            return self._run(questions, hits)

    def _run(
        self, questions: Sequence[Question], hits: Sequence[list[Hit]] | None
    ) -> PipelineOutput:
        graph = self.spec.graph
        seconds: dict[str, float] = {}
        outputs: dict[str, Sequence[Output]] = {}
        usage: dict[str, Usage] = {}
        for node in graph.nodes:
            feeds = [Feed(graph[source].stage, outputs[source]) for source in node.inputs]
            if hits is not None and not feeds and ROLES[node.role].takes == "hits":
                feeds = [Feed(None, hits)]
            started = time.perf_counter()
            with tally() as noted:
                component = self.components[node.id]
                outputs[node.id] = call_stage(node.stage, component, questions, feeds)
            seconds[node.id] = time.perf_counter() - started
            if noted.usage is not None:
                usage[node.id] = noted.usage
        nothing: list[list[Hit]] = [[] for _ in questions]
        retrieved, ranked = (
            nothing if key is None else cast(list[list[Hit]], outputs[key])
            for key in (graph.retrieved, graph.ranked)
        )
        answers = None if graph.answers is None else cast(list[Answer], outputs[graph.answers])
        return PipelineOutput(retrieved, ranked, answers, outputs, seconds, usage)

    def close(self) -> None:
        """Free weights and indexes of all stages."""
        with self._gate.alone():
            for component in self.components.values():
                component.close()
