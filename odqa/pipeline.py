"""One pipeline over a batch of questions."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from odqa import registry
from odqa.errors import ComponentError
from odqa.interfaces import Component, Ranker, Reader, Retriever
from odqa.registry import Role
from odqa.spec.pipeline import PipelineSpec, load_pipeline
from odqa.spec.stage import StageSpec
from odqa.threads import wait_asleep
from odqa.types import Answer, Hit, Question

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


def make_component(stage: StageSpec) -> Component[Any]:
    """The component a stage spec describes; cheap, nothing is loaded."""
    # Here, because every run of a spec comes by before a component loads torch.
    wait_asleep()
    return registry.get(stage.role, stage.type)(stage.config)


@dataclass(frozen=True, slots=True)
class PipelineOutput:
    """What every stage returned for a batch, one entry per question, in order.

    ``ranked`` equals ``retrieved`` in a pipeline without ranker; ``answers`` is `None` in one
    without reader. ``seconds`` is the wall time of each stage for the whole batch.
    """

    retrieved: list[list[Hit]]
    ranked: list[list[Hit]]
    answers: list[Answer] | None
    seconds: Mapping[Role, float] = field(default_factory=dict)


class Pipeline:
    """Retriever, optional ranker, optional reader, ready after `prepare`."""

    def __init__(self, spec: PipelineSpec) -> None:
        self.spec = spec
        self.components: dict[Role, Component[Any]] = {
            stage.role: make_component(stage) for stage in spec.stages
        }

    @classmethod
    def from_spec(cls, spec: PipelineSpec | str | Path, overrides: Iterable[str] = ()) -> Pipeline:
        """From a validated spec, a spec file, or the name of a built-in one.

        Raises:
            SpecErrors: everything that is wrong with the file.
        """
        known = spec if isinstance(spec, PipelineSpec) else load_pipeline(spec, overrides)
        return cls(known)

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """All offline work of all stages; idempotent."""
        for component in self.components.values():
            component.prepare(corpus, cache)

    def run(self, questions: Sequence[Question]) -> PipelineOutput:
        """Answer a batch of questions."""
        seconds: dict[Role, float] = {}
        retrieved = ranked = None
        answers: list[Answer] | None = None
        for stage in self.spec.stages:
            started = time.perf_counter()
            found = run_stage(stage, self.components[stage.role], questions, ranked)
            seconds[stage.role] = time.perf_counter() - started
            if stage.role == "reader":
                answers = cast(list[Answer], found)
            else:
                ranked = cast(list[list[Hit]], found)
                retrieved = retrieved if retrieved is not None else ranked
        assert retrieved is not None and ranked is not None
        return PipelineOutput(retrieved, ranked, answers, seconds)

    def close(self) -> None:
        """Free weights and indexes of all stages."""
        for component in self.components.values():
            component.close()


def run_stage(
    stage: StageSpec,
    component: Component[Any],
    questions: Sequence[Question],
    hits: Sequence[Sequence[Hit]] | None,
) -> Sequence[list[Hit] | Answer]:
    """One online call of one prepared stage, with its contract checked.

    Args:
        hits: what the stage before returned; `None` for a retriever.

    Raises:
        ComponentError: the component returned something its contract forbids.
    """
    if isinstance(component, Retriever):
        found = component.retrieve(questions, stage.k)
        _check_hits(stage, found, None, len(questions))
        return found
    assert hits is not None
    if isinstance(component, Ranker):
        found = component.rank(questions, hits, stage.k)
        _check_hits(stage, found, hits, len(questions))
        return found
    assert isinstance(component, Reader)
    answers = component.read(questions, hits)
    _check_answers(stage, answers, hits)
    return answers


def _check_hits(
    stage: StageSpec,
    found: Sequence[Sequence[Hit]],
    given: Sequence[Sequence[Hit]] | None,
    n: int,
) -> None:
    if len(found) != n:
        raise _broken(stage, f"returned {len(found)} lists of hits for {n} questions")
    for position, hits in enumerate(found):
        ids = {hit.passage_id for hit in hits}
        if len(ids) != len(hits):
            raise _broken(stage, "returned one passage twice for a question")
        if len(hits) > stage.k:
            raise _broken(stage, f"returned {len(hits)} passages, asked for {stage.k}")
        if not all(math.isfinite(hit.score) for hit in hits):
            raise _broken(stage, "returned a score that is no finite number")
        if any(a.score < b.score for a, b in pairwise(hits)):
            raise _broken(stage, "returned scores that rise")
        if given is not None and not ids <= {hit.passage_id for hit in given[position]}:
            raise _broken(stage, "returned a passage it was not given")


def _check_answers(
    stage: StageSpec, answers: Sequence[Answer], given: Sequence[Sequence[Hit]]
) -> None:
    if len(answers) != len(given):
        raise _broken(stage, f"returned {len(answers)} answers for {len(given)} questions")
    for answer, hits in zip(answers, given, strict=True):
        if not math.isfinite(answer.score):
            raise _broken(stage, "returned a score that is no finite number")
        evidence = answer.passage_id
        if evidence is not None and all(hit.passage_id != evidence for hit in hits):
            raise _broken(stage, "took its answer from a passage it was not given")


def _broken(stage: StageSpec, what: str) -> ComponentError:
    return ComponentError(
        f"{stage.role} '{stage.type}' broke its contract: it {what}",
        cure="check it with the suites in odqa.testing",
    )
