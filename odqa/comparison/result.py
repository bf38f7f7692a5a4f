"""The result of a comparison: one object, several renderings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.comparison.costs import StageCost
from odqa.errors import RunError
from odqa.execution.latency import Latency
from odqa.explanation import Explanation
from odqa.metrics.rows import MetricRow
from odqa.spec.pipeline import PipelineSpec
from odqa.suggest import did_you_mean
from odqa.types import Answer, Hit, Matching, Passage, Question

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.trace import QuestionTrace
    from odqa.metrics.statistics.summary import Summary


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """Everything one pipeline returned, by question id.

    ``retrieved`` and ``ranked`` are the hits that left those slots. By stage id, ``inner`` are the
    hits of stages inside of them, and ``texts`` what rewriters gave; version 0.1.0 kept neither.
    """

    spec: PipelineSpec
    retrieved: Mapping[str, list[Hit]]
    ranked: Mapping[str, list[Hit]]
    answers: Mapping[str, Answer] | None
    costs: tuple[StageCost, ...]
    latency: Latency | None = None
    #: What the ranker saw in the best passages of some questions.
    explanations: Mapping[str, tuple[Explanation, ...]] = field(default_factory=dict)
    inner: Mapping[str, Mapping[str, list[Hit]]] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)

    def hits_of(self, stage: str) -> Mapping[str, list[Hit]]:
        """What a stage gave, by question id; empty where the run kept nothing of it."""
        graph = self.spec.graph
        # What the ranker's slot gives comes last: without a ranker it is the retriever's.
        ends = {graph.retrieved: self.retrieved, graph.ranked: self.ranked}
        return ends[stage] if stage in ends else self.inner.get(stage, {})


@dataclass(frozen=True)
class Comparison:
    """Pipelines over one question set, scored question by question.

    ``rows`` is the primary result; `table`, `diff` and the statistics derive from it.
    ``passages`` holds the text of every passage that a view may show (the best few per question).
    ``baseline`` names the pipeline the others are tested against.
    """

    name: str
    questions: tuple[Question, ...]
    qrels: Mapping[str, Mapping[str, int]] | None
    pipelines: Mapping[str, PipelineResult]
    rows: tuple[MetricRow, ...]
    passages: Mapping[str, Passage]
    baseline: str
    manifest: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = field(default=None, compare=False)

    @property
    def matching(self) -> Matching:
        """How accepted answers are read: texts, or regular expressions."""
        about = self.manifest.get("dataset", {})
        return "regex" if about.get("matching") == "regex" else "tokens"

    @cached_property
    def by_question(self) -> Mapping[tuple[str, str], Mapping[str, float]]:
        """(pipeline, metric) -> question id -> value."""
        found: dict[tuple[str, str], dict[str, float]] = {}
        for row in self.rows:
            found.setdefault((row.pipeline, row.metric), {})[row.question_id] = row.value
        return found

    @cached_property
    def summaries(self) -> Mapping[tuple[str, str], Summary]:
        """(pipeline, metric) -> mean with its 95 % interval."""
        from odqa.metrics.statistics.summary import summarise

        return {(each.pipeline, each.metric): each for each in summarise(self.rows)}

    def values(self, pipeline: str, metric: str) -> dict[str, float]:
        """One metric of one pipeline by question id, in question order.

        Raises:
            RunError: no such pipeline or metric.
        """
        self.result(pipeline)
        found = self.by_question.get((pipeline, metric))
        if found is None:
            known = sorted({m for p, m in self.by_question if p == pipeline})
            cure = did_you_mean(metric, known)
            raise RunError(f"no metric '{metric}'", where=pipeline, cure=cure)
        return {q.id: found[q.id] for q in self.questions if q.id in found}

    def result(self, pipeline: str) -> PipelineResult:
        """What one pipeline returned.

        Raises:
            RunError: no such pipeline in this comparison.
        """
        if pipeline not in self.pipelines:
            raise RunError(
                f"no pipeline '{pipeline}' in comparison '{self.name}'",
                cure=did_you_mean(pipeline, self.pipelines),
            )
        return self.pipelines[pipeline]

    def question(self, question_id: str) -> Question:
        """One question.

        Raises:
            RunError: no such question in this comparison.
        """
        found = next((q for q in self.questions if q.id == question_id), None)
        if found is None:
            raise RunError(
                f"no question '{question_id}' in comparison '{self.name}'",
                cure=did_you_mean(question_id, [q.id for q in self.questions[:50]]),
            )
        return found

    def frame(self) -> pd.DataFrame:
        """The long table: pipeline, question, metric, value."""
        import pandas as pd

        return pd.DataFrame(
            [(r.pipeline, r.question_id, r.metric, r.value) for r in self.rows],
            columns=["pipeline", "question", "metric", "value"],
        )

    def table(self) -> pd.DataFrame:
        """Quality with confidence intervals and costs: one row a pipeline."""
        from odqa.comparison.table import table

        return table(self)

    def stages(self) -> pd.DataFrame:
        """Costs of every stage of every pipeline, as numbers."""
        from odqa.comparison.frames import stage_frame

        return stage_frame(self)

    def tests(self) -> pd.DataFrame:
        """Every paired test against the baseline, as numbers."""
        from odqa.comparison.frames import paired_frame

        return paired_frame(self)

    @cached_property
    def lost_by(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Pipeline -> question id -> ids of the stages that lost it, several where all fused did.

        Questions that were answered are left out; see `odqa.metrics.attribution.lost_by`.
        """
        from odqa.comparison.losses import losses

        return losses(self)

    def diff(self, a: str, b: str, metric: str = "em") -> pd.DataFrame:
        """The questions on which two pipelines differ, and the stage that lost each."""
        from odqa.comparison.diff import diff

        return diff(self, a, b, metric)

    def trace(self, question_id: str) -> QuestionTrace:
        """One question through all pipelines, side by side."""
        from odqa.comparison.trace import trace

        return trace(self, question_id)

    @classmethod
    def load(cls, folder: Path | str) -> Comparison:
        """Read a finished run folder.

        Raises:
            RunError: no run folder, unfinished, or damaged.
        """
        from odqa.comparison.folder import load

        return load(Path(folder))

    def _repr_html_(self) -> str:
        return str(self.table().to_html())
