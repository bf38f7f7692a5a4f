"""Metrics of a finished run that were not asked for when it ran."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from odqa.comparison.data import ComparisonData
from odqa.comparison.pipeline_result import PipelineResult
from odqa.errors import RunError
from odqa.metrics.measures import ANSWER_METRICS, parse_measures
from odqa.metrics.retrieval import score_ranking
from odqa.metrics.rows import MetricRow
from odqa.metrics.supporting import all_gold_values

C = TypeVar("C", bound=ComparisonData)


def with_metrics(comparison: C, names: Sequence[str]) -> C:
    """The comparison with these metrics as its columns; what is missing is computed.

    Raises:
        RunError: an unknown metric, or one that needs what the run folder does not keep: relevance
            judgements that there are none of, or texts of all passages.
    """
    measures = parse_measures(names)
    measured = {metric for _, metric in comparison.by_question}
    missing = [name for name in measures.columns if name not in measured]
    rows: list[MetricRow] = []
    for name in missing:
        new = [r for p in comparison.pipelines.values() for r in _rows(comparison, p, name)]
        if not new:
            raise RunError(
                f"'{name}' cannot be computed from a finished run",
                where=comparison.name,
                cure="run the comparison again with --metrics",
            )
        rows += new
    settings = {**comparison.manifest.get("settings", {}), "metrics": list(measures.columns)}
    return replace(
        comparison,
        rows=(*comparison.rows, *rows),
        manifest={**comparison.manifest, "settings": settings},
    )


def _rows(comparison: ComparisonData, result: PipelineResult, name: str) -> list[MetricRow]:
    pipeline = result.spec.name
    if name in ANSWER_METRICS:
        return [
            MetricRow(pipeline, q.id, name, ANSWER_METRICS[name](_text(result, q.id), q))
            for q in comparison.questions
            if result.answers is not None and q.answers and comparison.matching == "tokens"
        ]
    measures = parse_measures([name])
    stage = _stage(result, name)
    if stage is None or comparison.qrels is None:
        return []
    if measures.gold_cuts:
        return _all_gold_rows(comparison, result, stage, name, measures.gold_cuts)
    if not measures.rankings:
        return []
    hits = {q.id: result.hits_of(stage).get(q.id, []) for q in comparison.questions}
    ((own, peer),) = measures.rankings.items()
    qrels = {key: dict(grades) for key, grades in comparison.qrels.items()}
    values = score_ranking(hits, qrels, (), {own: peer})
    return [MetricRow(pipeline, key, name, metrics[own]) for key, metrics in values.items()]


def _all_gold_rows(
    comparison: ComparisonData,
    result: PipelineResult,
    stage: str,
    name: str,
    cuts: Sequence[int],
) -> list[MetricRow]:
    """``all_gold@k`` by relevance judgements; titles of all passages are not kept."""
    own = f"all_gold@{cuts[0]}"
    if not name.endswith(own) or comparison.qrels is None:
        return []
    rows = []
    for question in comparison.questions:
        grades = comparison.qrels.get(question.id, {})
        relevant = [passage for passage, grade in grades.items() if grade > 0]
        ids = [hit.passage_id for hit in result.hits_of(stage).get(question.id, ())]
        if relevant:
            value = all_gold_values(relevant, ids, cuts)[own]
            rows.append(MetricRow(result.spec.name, question.id, name, value))
    return rows


def _stage(result: PipelineResult, name: str) -> str | None:
    """The id of the stage whose hits a metric judges; `None` where the pipeline has none."""
    graph = result.spec.graph
    if name.startswith("retrieved_"):
        return graph.retrieved
    if name.startswith("ranked_"):
        return graph.ranked
    stage = name.rpartition("/")[0]
    return stage if stage in {node.id for node in graph.with_hits} else None


def _text(result: PipelineResult, question_id: str) -> str:
    answer = (result.answers or {}).get(question_id)
    return answer.text if answer else ""
