"""The results of a comparison as values; tables, traces and reports are in other modules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.comparison.losses import losses
from odqa.comparison.pipeline_result import PipelineResult
from odqa.errors import RunError
from odqa.metrics.rows import MetricRow
from odqa.registry import ROLES
from odqa.spec.factors import Grid
from odqa.suggest import did_you_mean
from odqa.types import Matching, Passage, Question

if TYPE_CHECKING:
    import pandas as pd

    from odqa.metrics.statistics.pairs import PairedComparison
    from odqa.metrics.statistics.summary import Summary


@dataclass(frozen=True)
class ComparisonData:
    """Pipelines over one question set, scored question by question.

    ``rows`` is the primary result; tables, differences and statistics derive from it.
    ``passages`` holds the text of every passage that a view may show (the best few per question).
    ``baseline`` names the pipeline that the others are tested against, the first of `baselines`.
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
        entry = self.manifest.get("dataset", {})
        return "regex" if entry.get("matching") == "regex" else "tokens"

    @property
    def sets(self) -> Mapping[str, tuple[str, ...]]:
        """Name of a question set -> ids of its questions; empty where there is one set only."""
        ids = iter([question.id for question in self.questions])
        sizes = self.manifest.get("dataset", {}).get("sets", {})
        return {name: tuple(islice(ids, n)) for name, n in sizes.items()}

    @property
    def baselines(self) -> tuple[str, ...]:
        """All pipelines that the others are tested against, ``baseline`` first."""
        others = self.manifest.get("settings", {}).get("baselines", ())
        names = [name for name in others if name in self.pipelines]
        return tuple(dict.fromkeys((self.baseline, *names)))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that were chosen, most important first; empty: the usual ones."""
        return tuple(self.manifest.get("settings", {}).get("metrics", ()))

    @property
    def grid(self) -> Grid | None:
        """The factors that the pipelines vary, where they are those of a grid."""
        data = self.manifest.get("grid")
        return None if data is None else Grid.from_dict(data)

    @cached_property
    def by_question(self) -> Mapping[tuple[str, str], Mapping[str, float]]:
        """(pipeline, metric) -> question id -> value."""
        values: dict[tuple[str, str], dict[str, float]] = {}
        for row in self.rows:
            values.setdefault((row.pipeline, row.metric), {})[row.question_id] = row.value
        return values

    @cached_property
    def summaries(self) -> Mapping[tuple[str, str], Summary]:
        """(pipeline, metric) -> mean with its 95 % interval."""
        from odqa.metrics.statistics.summary import summarise

        return {(summary.pipeline, summary.metric): summary for summary in summarise(self.rows)}

    @cached_property
    def _pair_tests(self) -> dict[str, tuple[PairedComparison, ...]]:
        return {}

    def pair_tests(self, metric: str) -> tuple[PairedComparison, ...]:
        """Tests of every pair of pipelines on a metric, Holm's family being all of them.

        Raises:
            RunError: two pipelines share no question.
        """
        from odqa.metrics.statistics.pairs import compare_all

        if metric not in self._pair_tests:
            self._pair_tests[metric] = tuple(compare_all(self.rows, metric))
        return self._pair_tests[metric]

    def values(self, pipeline: str, metric: str) -> dict[str, float]:
        """One metric of one pipeline by question id, in question order.

        Raises:
            RunError: no such pipeline or metric.
        """
        self.result(pipeline)
        values = self.by_question.get((pipeline, metric))
        if values is None:
            metrics = sorted({m for p, m in self.by_question if p == pipeline})
            cure = did_you_mean(metric, metrics)
            raise RunError(f"no metric '{metric}'", where=pipeline, cure=cure)
        return {q.id: values[q.id] for q in self.questions if q.id in values}

    def result(self, pipeline: str) -> PipelineResult:
        """The result of one pipeline.

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
        question = next((q for q in self.questions if q.id == question_id), None)
        if question is None:
            raise RunError(
                f"no question '{question_id}' in comparison '{self.name}'",
                cure=did_you_mean(question_id, [q.id for q in self.questions[:50]]),
            )
        return question

    def frame(self) -> pd.DataFrame:
        """The long table: pipeline, question, metric, value."""
        import pandas as pd

        return pd.DataFrame(
            [(r.pipeline, r.question_id, r.metric, r.value) for r in self.rows],
            columns=["pipeline", "question", "metric", "value"],
        )

    @cached_property
    def lost_by(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Pipeline -> question id -> ids of the stages that lost it, several where all fused did.

        Questions that were answered are left out; see `odqa.metrics.attribution.lost_by`.
        """
        return losses(self.pipelines, self.rows, self.by_question)

    def lost_counts(self, pipeline: str) -> dict[str, int]:
        """Stage id -> questions it lost, alone or with others, of every stage that can lose one.

        Empty where no question of the pipeline can be attributed.
        """
        lost = self.lost_by.get(pipeline)
        if lost is None:
            return {}
        counts = Counter(stage for stages in lost.values() for stage in stages)
        nodes = self.pipelines[pipeline].spec.graph.nodes
        return {node.id: counts[node.id] for node in nodes if ROLES[node.role].gives != "queries"}
