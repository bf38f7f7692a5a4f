"""Per-question rows of a pipeline: of its slots, its answers, and every stage that gives hits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from odqa.comparison.judge import JUDGE
from odqa.errors import RunError
from odqa.metrics.has_answer import AnswerFinder
from odqa.metrics.measures import Measures, needed_measures
from odqa.metrics.rows import DEFAULT, MetricRow, hit_rows, judge_hits, score_answers

if TYPE_CHECKING:
    from odqa.comparison.pipeline_result import PipelineResult
    from odqa.data.dataset import Dataset
    from odqa.spec.judge import JudgeConfig
    from odqa.types import Hit

_Values = Mapping[str, Mapping[str, float]]


class Scorer:
    """Scores pipelines on one dataset; hits that several of them share are judged once.

    Args:
        measures: what to compute beside what always is.
    """

    def __init__(self, dataset: Dataset, measures: Measures = DEFAULT) -> None:
        self._dataset = dataset
        self._measures = measures
        self._finder = AnswerFinder(dataset.corpus, dataset.matching)
        # The hits stand in the value, so that their id is not given to others.
        self._judged: dict[tuple[int, int], tuple[Mapping[str, list[Hit]], _Values]] = {}

    def rows(self, result: PipelineResult) -> list[MetricRow]:
        """``retrieved_…``, ``ranked_…``, the answers, then ``ID/…`` of every stage with hits."""
        name, graph = result.spec.name, result.spec.graph
        rows: list[MetricRow] = []
        slots = {"retrieved_": graph.retrieved, "ranked_": graph.ranked}
        for prefix, stage in slots.items():
            if stage is not None:
                rows += hit_rows(name, prefix, self._values(result, stage))
        if result.answers is not None:
            rows += score_answers(
                name,
                self._dataset.questions.questions,
                result.answers,
                None if graph.ranked is None else result.ranked,
                self._finder,
                self._dataset.matching,
                self._measures,
            )
        for node in graph.with_hits:
            rows += hit_rows(name, f"{node.id}/", self._values(result, node.id))
            rows += self._given(result, node.id)
        return rows

    def _given(self, result: PipelineResult, stage: str) -> list[MetricRow]:
        """``ID/all_gold_in`` of a fusion: each of its members may have found another hop."""
        sources = result.spec.graph.hit_inputs()[stage]
        questions = [q for q in self._dataset.questions if q.supporting]
        if len(sources) < 2 or not questions:
            return []
        given = {
            q.id: [hit for source in sources for hit in result.hits_of(source).get(q.id, ())]
            for q in questions
        }
        values = judge_hits(questions, given, self._finder, self._dataset.qrels, depth=0)
        return [
            MetricRow(result.spec.name, key, f"{stage}/all_gold_in", metrics["all_gold"])
            for key, metrics in values.items()
        ]

    def _values(self, result: PipelineResult, stage: str) -> _Values:
        hits, depth = result.hits_of(stage), result.spec.graph[stage].stage.k
        key = (id(hits), depth)
        if key not in self._judged:
            data = self._dataset
            questions = data.questions.questions
            values = judge_hits(
                questions,
                hits,
                self._finder,
                data.qrels,
                depth=depth,
                measures=self._measures,
                ignore_identical_ids=data.ignore_identical_ids,
            )
            self._judged[key] = (hits, values)
        return self._judged[key][1]


def check_data(measures: Measures, dataset: Dataset, judge: JudgeConfig | None = None) -> None:
    """Check that the dataset has what the metrics need.

    Raises:
        RunError: no relevance judgements, accepted answers that are expressions, or no judge.
    """
    has_pages = any(question.supporting for question in dataset.questions)
    for name, qrels_will_do in needed_measures(measures).items():
        if not has_pages and not (qrels_will_do and dataset.qrels is not None):
            raise RunError(
                f"'{name}' needs questions with supporting pages, and there are none",
                where="metrics",
                cure="choose recall@k or has_answer@k, or all_gold@k with qrels",
            )
    if JUDGE in measures.columns and judge is None:
        raise RunError(
            f"'{JUDGE}' needs a language model, and none is named",
            where="metrics",
            cure="name one in the benchmark spec: judge: {checkpoint: …} or {endpoint: …}",
        )
    if judge is not None and dataset.matching == "regex":
        raise RunError(
            f"'{JUDGE}' compares texts, and accepted answers are expressions here",
            where="judge",
            cure="leave the judge out",
        )
    if measures.rankings and dataset.qrels is None:
        raise RunError(
            f"'{next(iter(measures.rankings))}' needs relevance judgements, and there are none",
            where="metrics",
            cure="name qrels in the data, or choose has_answer@k",
        )
    if measures.answers and dataset.matching == "regex":
        raise RunError(
            f"'{measures.answers[0]}' compares texts, and accepted answers are expressions here",
            where="metrics",
            cure="choose em",
        )
